# What the failure of each node would do to the cluster as it is.
data "pve_ha_failover_simulation" "this" {}

# Warns in every plan as long as one of them would not be survived.
check "survives_any_node" {
  assert {
    condition     = data.pve_ha_failover_simulation.this.survivable
    error_message = join("\n", data.pve_ha_failover_simulation.this.problems)
  }
}

# What it would do if this were an HA resource. Whole resources can be passed, too: values(pve_ha_resource.all).
data "pve_ha_failover_simulation" "planned" {
  depth              = 2
  max_memory_percent = 90
  resources          = [{ sid = "vm:100", max_relocate = 2 }]
}

output "failover_summary" {
  value = data.pve_ha_failover_simulation.planned.summary_markdown
}

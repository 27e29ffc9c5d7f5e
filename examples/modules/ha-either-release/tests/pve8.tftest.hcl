# PVE 8: one group, no rule.

mock_provider "pve" {
  mock_data "pve_version" {
    defaults = { version = "8.4.14", release = "8.4", major = 8 }
  }
}

variables {
  name    = "web"
  guests  = { web1 = { id = 100, node = "pve1" } }
  nodes   = ["pve1:2", "pve2:1"]
  strict  = true
  cluster = { nodes = ["pve1", "pve2"], qdevice = true }
}

run "a_group_has_the_guests" {
  assert {
    condition     = length(pve_ha_node_affinity_rule.this) == 0
    error_message = "PVE 8 has no rules"
  }
  assert {
    condition     = pve_ha_resource.this["web1"].group == "web" && pve_ha_group.this[0].restricted
    error_message = "the guest is not in the group"
  }
}

run "the_failure_of_a_node" {
  command = plan

  assert {
    condition     = output.quorum.tolerated_node_failures == 1 && output.quorum.tolerated_without_qdevice == 0
    error_message = "two nodes tolerate one failure, but only with the QDevice"
  }
  assert {
    condition     = output.after_failure.pve1 == { "vm:100" = "pve2" }
    error_message = "the other node of the group takes over"
  }
}

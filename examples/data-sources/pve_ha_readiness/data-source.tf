data "pve_ha_readiness" "this" {
  profile             = "production"
  max_replication_lag = "30m"
  ha_tags             = ["ha"]
  last_restore_test   = "2026-11-01"

  expect = {
    nodes = 3
  }
}

# Warns in every plan as long as something stands in the way of production.
check "ready_for_production" {
  assert {
    condition     = data.pve_ha_readiness.this.ready
    error_message = join("\n", data.pve_ha_readiness.this.blockers)
  }
}

output "not_passed" {
  value = { for check in data.pve_ha_readiness.this.checks : check.id => check.detail if check.status != "pass" }
}

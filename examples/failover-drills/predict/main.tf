# What the simulation says of the cluster as it is, to be compared with what HA does later.

terraform {
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

data "pve_ha_status" "this" {}

data "pve_ha_failover_simulation" "this" {}

locals {
  services = { for service in data.pve_ha_status.this.services : service.sid => "${service.state} on ${service.node}" }
}

output "failure_of" {
  description = "For the failure of each node alone: every HA resource afterwards, as in `services` of a step."
  value = {
    for failure in data.pve_ha_failover_simulation.this.scenarios : join(",", failure.failed_nodes) => merge(local.services, {
      for service in failure.services : service.sid => "${service.state} on ${service.to == null ? service.from : service.to}"
    })
  }
}

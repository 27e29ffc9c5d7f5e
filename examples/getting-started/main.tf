terraform {
  required_version = ">= 1.5"
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

# The endpoint, the API token and the CA certificate come from PROXMOX_VE_*.
provider "pve" {}

locals {
  guests = ["vm:100", "ct:200"]
}

resource "pve_ha_resource" "this" {
  for_each = toset(local.guests)
  sid      = each.key
}

data "pve_ha_failover_simulation" "this" {
  resources = [for sid in local.guests : { sid = sid }]
}

output "after_failure" {
  description = "Where each guest is after the failure of each node, before anything is applied."
  value       = { for scenario in data.pve_ha_failover_simulation.this.scenarios : scenario.name => { for fate in scenario.services : fate.sid => fate.to } }
}

data "pve_ha_status" "this" {
  depends_on = [pve_ha_resource.this]
}

output "where" {
  description = "Where each guest is now."
  value       = { for service in data.pve_ha_status.this.services : service.sid => "${service.state} on ${service.node}" }
}

terraform {
  required_version = ">= 1.8"
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

# The endpoint and the API token come from PROXMOX_VE_ENDPOINT and PROXMOX_VE_API_TOKEN.
provider "pve" {}

module "web" {
  source = "../modules/ha-either-release"

  name    = "web"
  guests  = { web1 = { id = 100, node = "pve1" }, proxy = { type = "ct", id = 200, node = "pve2" } }
  nodes   = ["pve1:2", "pve[2-3]:1"]
  cluster = { nodes = ["pve1", "pve2", "pve3"] }
}

data "pve_ha_status" "this" {
  depends_on = [module.web]
}

output "where" {
  description = "The node of each HA resource."
  value       = { for service in data.pve_ha_status.this.services : service.sid => service.node }
}

output "predicted" {
  description = "The same after the failure of each node, predicted."
  value       = module.web.after_failure
}

terraform {
  required_version = ">= 1.5"
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

variable "endpoint" {
  description = "The API of one node of the cluster."
  type        = string
}

variable "guests" {
  description = "The guests to make highly available."
  type        = set(string)
}

# One workspace per cluster: each has a state, a CA and a token of its own. The token comes from PROXMOX_VE_API_TOKEN.
provider "pve" {
  endpoint       = var.endpoint
  ca_certificate = "${path.root}/clusters/${terraform.workspace}.pem"
}

resource "pve_ha_resource" "this" {
  for_each = var.guests
  sid      = each.key
}

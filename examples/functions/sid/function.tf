terraform {
  required_version = ">= 1.8"
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

variable "guests" {
  description = "The VMIDs of the virtual machines to make highly available."
  type        = set(number)
  default     = [100, 101]
}

# "vm:100" and "vm:101"
output "sids" {
  value = [for id in var.guests : provider::pve::sid("vm", id)]
}

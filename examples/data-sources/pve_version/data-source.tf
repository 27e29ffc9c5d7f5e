data "pve_version" "this" {}

# One module for PVE 8 (groups) and PVE 9 (rules).
locals {
  has_ha_rules = data.pve_version.this.major >= 9
}

output "proxmox_version" {
  value = data.pve_version.this.version
}

data "pve_ha_resources" "running_vms" {
  type  = "vm"
  state = "started"
}

output "highly_available_vms" {
  value = data.pve_ha_resources.running_vms.sids
}

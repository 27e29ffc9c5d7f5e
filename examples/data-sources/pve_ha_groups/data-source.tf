# PVE 8. On PVE 9 `supported` is false and the list empty.
data "pve_ha_groups" "all" {}

output "restricted_groups" {
  value = [for group in data.pve_ha_groups.all.groups : group.name if group.restricted]
}

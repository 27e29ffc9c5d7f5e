# PVE 8. On PVE 9 write a pve_ha_node_affinity_rule.
resource "pve_ha_group" "databases" {
  name       = "databases"
  restricted = true

  nodes = {
    pve1 = 2 # preferred: the higher number wins
    pve2 = 1
  }

  # The group can be renamed and removed while HA resources are in it: they are changed first.
  lifecycle {
    create_before_destroy = true
  }
}

resource "pve_ha_resource" "database" {
  sid   = "vm:102"
  group = pve_ha_group.databases.name
}

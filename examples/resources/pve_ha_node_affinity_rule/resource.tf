# PVE 9. On PVE 8 write a pve_ha_group.
resource "pve_ha_resource" "database" {
  sid = "vm:102"
}

resource "pve_ha_node_affinity_rule" "databases" {
  name      = "databases"
  resources = [pve_ha_resource.database.sid] # by reference, so that the order is right
  strict    = true

  nodes = {
    pve1 = 2 # preferred: the higher number wins
    pve2 = 1
  }
}

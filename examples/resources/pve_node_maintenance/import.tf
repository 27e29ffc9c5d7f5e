import {
  to = pve_node_maintenance.pve2
  id = "pve2"
}

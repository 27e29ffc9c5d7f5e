# As long as this exists, no HA service runs on pve2.
resource "pve_node_maintenance" "pve2" {
  node = "pve2"
}

action "pve_node_restore" "pve1" {
  config {
    node = "pve1"
  }
}

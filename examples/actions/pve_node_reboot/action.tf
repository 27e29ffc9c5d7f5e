action "pve_node_reboot" "pve1" {
  config {
    node = "pve1"
  }
}

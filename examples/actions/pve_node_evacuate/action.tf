action "pve_node_evacuate" "pve1" {
  config {
    node     = "pve1"
    shutdown = ["vm:110"]
  }
}

action "pve_node_wake" "spare" {
  config {
    node    = "pve4"
    timeout = "10m"
  }
}

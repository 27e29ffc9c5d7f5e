action "pve_ha_relocate" "database" {
  config {
    resource = "vm:100"
    node     = "pve3"
    timeout  = "15m"
  }
}

action "pve_ha_migrate" "database" {
  config {
    resource = "vm:100"
    node     = "pve2"
  }
}

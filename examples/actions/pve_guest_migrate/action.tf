action "pve_guest_migrate" "web" {
  config {
    guest = "vm:104"
    node  = "pve2"
  }
}

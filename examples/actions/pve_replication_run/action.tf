action "pve_replication_run" "before_move" {
  config {
    job = "100-0"
  }
}

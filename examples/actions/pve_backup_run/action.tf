action "pve_backup_run" "before_update" {
  config {
    job     = "nightly"
    timeout = "6h"
  }
}

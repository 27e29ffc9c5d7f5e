# Every night each node backs up those of the three guests that it has at that time, also after a failover.
resource "pve_backup_job" "nightly" {
  name           = "nightly"
  schedule       = "02:00"
  guests         = [100, 101, 102]
  storage        = "shared-nfs"
  mode           = "snapshot"
  compress       = "zstd"
  notes_template = "{{guestname}} on {{node}}"
  repeat_missed  = true

  notification_mode = "notification-system"

  prune {
    keep_daily  = 7
    keep_weekly = 4
  }
}

# Once a week all other guests, also those that are created later.
resource "pve_backup_job" "weekly" {
  name     = "weekly"
  schedule = "sat 04:00"
  all      = true
  exclude  = [100, 101, 102]
  storage  = "shared-nfs"
}

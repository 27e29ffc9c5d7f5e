# The disks of guest 102 are copied to pve1 every five minutes, with at most 50 MB/s.
resource "pve_replication_job" "database" {
  guest    = 102
  target   = "pve1"
  schedule = "*/5"
  rate     = 50
  comment  = "at most five minutes of data are lost"
}

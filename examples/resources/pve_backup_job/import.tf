import {
  to = pve_backup_job.nightly
  id = "nightly"
}

import {
  to = pve_replication_job.database
  id = "102-0"
}

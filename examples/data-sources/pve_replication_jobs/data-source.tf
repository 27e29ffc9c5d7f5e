data "pve_replication_jobs" "all" {}

# A copy that was never made, or is older than an hour, is no basis for a recovery.
check "replicas_are_fresh" {
  assert {
    condition = alltrue([
      for job in data.pve_replication_jobs.all.jobs : job.lag_seconds != null && coalesce(job.lag_seconds, 0) < 3600
      if !job.disabled
    ])
    error_message = "Some replication jobs have never run or are more than an hour behind."
  }
}

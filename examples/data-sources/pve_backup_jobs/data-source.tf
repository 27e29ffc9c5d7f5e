data "pve_backup_jobs" "all" {}

check "every_guest_has_a_backup" {
  assert {
    condition     = length(data.pve_backup_jobs.all.uncovered_guests) == 0
    error_message = "No enabled backup job covers ${jsonencode(data.pve_backup_jobs.all.uncovered_guests)}."
  }
}

check "the_last_backups_succeeded" {
  assert {
    condition = alltrue(flatten([
      for job in data.pve_backup_jobs.all.jobs : [for run in job.runs : coalesce(run.status, "OK") == "OK"]
    ]))
    error_message = "The last run of a backup job failed; see its task in the web interface."
  }
}

terraform import pve_backup_job.nightly nightly

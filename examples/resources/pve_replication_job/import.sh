terraform import pve_replication_job.database 102-0

terraform {
  required_version = ">= 1.8"
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

# The next three nights of a backup job, for a node in central Europe in winter.
output "backups" {
  value = provider::pve::next_runs("mon..fri 22:00", 3, "2026-01-02T12:00:00+01:00")
}

# How long a copy may be out of date: the time between two runs of a replication job.
output "replications" {
  value = provider::pve::next_runs("*/15", 2, plantimestamp())
}

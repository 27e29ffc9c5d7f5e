# What HA does not do: send messages, and keep old data. All tiers share both.

locals {
  # Each phase passes them to the readiness checks, so that the first phase is ready in its own plan.
  target = { name = "oncall" }

  matcher = {
    name       = "ha-alerts"
    targets    = [local.target.name]
    fields     = { type = ["fencing", "replication", "vzdump"] }
    severities = ["error"]
  }

  backup_job = {
    name     = "ha-guests"
    schedule = "02:00"
    guests   = [for service in var.services : tonumber(split(":", service.sid)[1])]
    storage  = var.backup_storage
  }

  planned_services = [
    for service in local.services : {
      sid          = service.sid
      group        = local.has_rules ? null : service.tier
      max_restart  = 2
      max_relocate = 2
    }
  ]
}

resource "pve_notification_sendmail" "oncall" {
  count = local.is_shared ? 1 : 0

  name    = local.target.name
  mailto  = var.oncall
  comment = "People on call"
}

resource "pve_notification_matcher" "alerts" {
  count = local.is_shared ? 1 : 0

  name       = local.matcher.name
  targets    = pve_notification_sendmail.oncall[*].name
  fields     = local.matcher.fields
  severities = local.matcher.severities
  comment    = "A fenced node, a failed replication, a failed backup"
}

resource "pve_backup_job" "ha" {
  count = local.is_shared ? 1 : 0

  name              = local.backup_job.name
  schedule          = local.backup_job.schedule
  guests            = local.backup_job.guests
  storage           = local.backup_job.storage
  mode              = "snapshot"
  compress          = "zstd"
  notification_mode = "notification-system"
  comment           = "All guests under HA"

  prune {
    keep_daily  = 7
    keep_weekly = 4
  }
}

data "pve_ha_readiness" "this" {
  profile               = "production"
  resources             = local.planned_services
  backup_jobs           = [local.backup_job]
  notification_targets  = [local.target]
  notification_matchers = [local.matcher]
}

terraform {
  required_version = ">= 1.5"
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

# The endpoint and the API token come from PROXMOX_VE_ENDPOINT and PROXMOX_VE_API_TOKEN.
provider "pve" {}

variable "services" {
  description = "The guests to make highly available."
  type        = map(string)
  default = {
    web1 = "vm:100"
    web2 = "vm:101"
  }
}

variable "backup_storage" {
  description = "The storage for a nightly backup of all guests. Null: this configuration has no backup job."
  type        = string
  default     = null
}

variable "gate" {
  description = "Whether the preconditions hold back changes. In an incident: -var gate=false."
  type        = bool
  default     = true
}

variable "alert_url" {
  description = "Where alerts are posted to, as JSON. Null: this configuration has no alert."
  type        = string
  default     = null
}

locals {
  # What is planned, for simulation and readiness: through locals, so that they are answered in the plan.
  planned = [for sid in values(var.services) : { sid = sid, max_relocate = 2 }]
  backup_jobs = var.backup_storage == null ? [] : [{
    name          = "nightly"
    schedule      = "02:30"
    all           = true
    storage       = var.backup_storage
    repeat_missed = true
  }]
  targets  = var.alert_url == null ? [] : [{ name = "on-call" }]
  matchers = var.alert_url == null ? [] : [{ name = "failures", targets = ["on-call"], fields = { type = ["fencing", "replication"] } }]
}

resource "pve_backup_job" "this" {
  for_each = { for job in local.backup_jobs : job.name => job }

  name          = each.key
  schedule      = each.value.schedule
  all           = each.value.all
  storage       = each.value.storage
  repeat_missed = each.value.repeat_missed
}

resource "pve_notification_webhook" "this" {
  for_each = toset(local.targets[*].name)

  name    = each.key
  url     = var.alert_url
  method  = "post"
  headers = { Content-Type = "application/json" }
  body    = "{\"title\": \"{{ escape title }}\", \"severity\": \"{{ severity }}\", \"time\": {{ timestamp }}}"
}

resource "pve_notification_matcher" "this" {
  for_each = { for matcher in local.matchers : matcher.name => matcher }

  name    = each.key
  targets = [for name in each.value.targets : pve_notification_webhook.this[name].name]
  fields  = each.value.fields
}

data "pve_ha_readiness" "this" {
  profile               = "production"
  max_replication_lag   = "30m"
  resources             = local.planned
  backup_jobs           = local.backup_jobs
  notification_targets  = local.targets
  notification_matchers = local.matchers
}

data "pve_ha_failover_simulation" "this" {
  resources = local.planned
  report    = true
  readiness = data.pve_ha_readiness.this.checks
}

resource "pve_ha_resource" "this" {
  for_each = var.services

  sid          = each.value
  max_relocate = 2
  comment      = each.key

  lifecycle {
    # The foundation of HA has to be there, or be planned here: quorum, storage, backups, alerts.
    precondition {
      condition     = !var.gate || length(local.blockers) == 0
      error_message = "Not ready: ${join("; ", local.blockers)}"
    }

    # And the failure of any node has to be survived once this exists.
    precondition {
      condition     = !var.gate || data.pve_ha_failover_simulation.this.survivable
      error_message = "Would not survive: ${join("; ", data.pve_ha_failover_simulation.this.problems)}"
    }
  }
}

locals {
  # The simulation judges the planned state; the check of the same name judges the state as it is.
  later    = ["failover", "storage"]
  blockers = [for line in data.pve_ha_readiness.this.blockers : line if !contains(local.later, split(" ", line)[0])]
}

output "survivable" {
  description = "Whether the failure of any one node is survived."
  value       = data.pve_ha_failover_simulation.this.survivable
}

output "scenarios" {
  description = "Where each service goes when a node fails, and why."
  value       = data.pve_ha_failover_simulation.this.scenarios
}

output "summary" {
  description = "The same as Markdown, for a merge request."
  value       = data.pve_ha_failover_simulation.this.summary_markdown
}

output "report" {
  description = "The same as a page: terraform output -raw report > report.html"
  value       = data.pve_ha_failover_simulation.this.report_html
}

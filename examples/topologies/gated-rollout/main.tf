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

locals {
  # What is planned, for the simulation: through a local, so that it is answered in the plan.
  planned = [for sid in values(var.services) : { sid = sid, max_relocate = 2 }]
}

data "pve_ha_readiness" "this" {
  profile             = "production"
  max_replication_lag = "30m"
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
    # What HA stands on has to be there. Backups follow later.
    precondition {
      condition     = length(local.blockers) == 0
      error_message = "Not ready: ${join("; ", local.blockers)}"
    }

    # And the failure of any node has to be survived once this exists.
    precondition {
      condition     = data.pve_ha_failover_simulation.this.survivable
      error_message = "Would not survive: ${join("; ", data.pve_ha_failover_simulation.this.problems)}"
    }
  }
}

locals {
  # The simulation judges the planned state; the check of the same name judges the state as it is.
  later    = ["backup", "failover", "storage"]
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

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

data "pve_version" "this" {}

locals {
  has_rules = data.pve_version.this.major >= 9
  is_shared = terraform.workspace == "default"
  tier      = try(var.tiers[terraform.workspace], { nodes = {}, apart = false })
  services  = { for name, service in var.services : name => service if service.tier == terraform.workspace }
}

# What all tiers share.

resource "pve_datacenter_options" "this" {
  count = local.is_shared ? 1 : 0

  ha {
    shutdown_policy = "migrate"
  }

  crs {
    ha                    = "static"
    ha_rebalance_on_start = true
  }
}

resource "pve_ha_group" "tier" {
  for_each = local.is_shared && !local.has_rules ? var.tiers : {}

  name    = each.key
  nodes   = each.value.nodes
  comment = "Services of the tier ${each.key}"
}

# One tier.

resource "pve_ha_resource" "this" {
  for_each = local.services

  sid          = each.value.sid
  group        = local.has_rules ? null : each.value.tier
  max_restart  = 2
  max_relocate = 2
  comment      = "${each.key}, tier ${each.value.tier}"

  lifecycle {
    precondition {
      condition     = !var.gate || try(data.pve_quorum.this.quorate && data.pve_quorum.this.tolerated_node_failures >= 1, false)
      error_message = "The cluster would not survive the failure of one more node: ${coalesce(data.pve_quorum.this.total_votes, 0)} of ${coalesce(data.pve_quorum.this.expected_votes, 0)} votes are there. Bring nodes back first, or set gate to false."
    }

    precondition {
      condition     = !var.gate || length(local.waiting_for) == 0
      error_message = "Earlier phases are not done: ${join(", ", local.waiting_for)} must be started first."
    }

    precondition {
      condition     = !var.gate || length(data.pve_ha_status.this.problems) == 0
      error_message = "The HA manager reports problems: ${join("; ", data.pve_ha_status.this.problems)}"
    }
  }
}

resource "pve_ha_node_affinity_rule" "tier" {
  count = local.has_rules && !local.is_shared ? 1 : 0

  name      = "${terraform.workspace}-nodes"
  resources = [for service in pve_ha_resource.this : service.sid]
  nodes     = local.tier.nodes
  comment   = "Where services of the tier ${terraform.workspace} run"
}

resource "pve_ha_resource_affinity_rule" "apart" {
  count = local.has_rules && local.tier.apart ? 1 : 0

  name      = "${terraform.workspace}-apart"
  resources = [for service in pve_ha_resource.this : service.sid]
  affinity  = "negative"
  comment   = "Replicas of the tier ${terraform.workspace} never share a node"
}

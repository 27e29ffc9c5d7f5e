# HA for guests on any release: groups on PVE 8, rules on PVE 9.

terraform {
  # Provider-defined functions; OpenTofu has them since 1.7.
  required_version = ">= 1.7"
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

data "pve_version" "this" {}

locals {
  has_rules = data.pve_version.this.major >= 9
  resources = { for name, guest in var.guests : name => merge(guest, { sid = provider::pve::sid(guest.type, guest.id) }) }
  nodes     = provider::pve::expand_nodes(var.nodes...)
}

resource "pve_ha_group" "this" {
  count = local.has_rules ? 0 : 1

  name       = var.name
  nodes      = local.nodes
  restricted = var.strict

  lifecycle {
    # Terraform changes the HA resources before it removes the group.
    create_before_destroy = true
  }
}

resource "pve_ha_resource" "this" {
  for_each = local.resources

  sid   = each.value.sid
  group = one(pve_ha_group.this[*].name)
}

resource "pve_ha_node_affinity_rule" "this" {
  count = local.has_rules ? 1 : 0

  name      = var.name
  resources = [for resource in pve_ha_resource.this : resource.sid]
  nodes     = local.nodes
  strict    = var.strict
}

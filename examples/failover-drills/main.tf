# The topology under test. Every drill sets the variables that it is about.

terraform {
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

# The cluster comes from the environment: PROXMOX_VE_ENDPOINT and so on.
provider "pve" {
  # The drills are about what these checks warn of.
  ignore_preflight = [
    "backup-misses-ha-guest", "failback-flapping", "no-relocation", "service-in-error", "single-node-placement",
  ]
}

resource "pve_ha_resource" "guest" {
  for_each     = var.guests
  sid          = each.key
  state        = each.value.state
  group        = each.value.group == null ? null : pve_ha_group.group[each.value.group].name
  failback     = each.value.failback
  max_restart  = each.value.max_restart
  max_relocate = each.value.max_relocate
}

# PVE 9
resource "pve_ha_node_affinity_rule" "nodes" {
  for_each  = var.node_affinity_rules
  name      = each.key
  resources = [for sid in each.value.resources : pve_ha_resource.guest[sid].sid]
  nodes     = each.value.nodes
  strict    = each.value.strict
  disabled  = each.value.disabled
}

# PVE 9
resource "pve_ha_resource_affinity_rule" "together" {
  for_each  = var.resources_kept_together
  name      = each.key
  resources = [for sid in each.value : pve_ha_resource.guest[sid].sid]
  affinity  = "positive"
}

# PVE 8
resource "pve_ha_group" "group" {
  for_each   = var.groups
  name       = each.key
  nodes      = each.value.nodes
  restricted = each.value.restricted
  nofailback = each.value.nofailback
}

resource "pve_datacenter_options" "this" {
  count = var.shutdown_policy == null ? 0 : 1

  ha {
    shutdown_policy = var.shutdown_policy
  }
}

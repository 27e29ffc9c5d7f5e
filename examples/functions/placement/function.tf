terraform {
  required_version = ">= 1.8"
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

locals {
  nodes = ["pve1", "pve2", "pve3"]
  resources = [
    { sid = "vm:100", node = "pve1" },
    { sid = "vm:101", node = "pve2" },
  ]
  rules = [
    { name = "web", resources = ["vm:100"], nodes = { pve1 = 0, pve2 = 0 } },
    { name = "apart", resources = ["vm:100", "vm:101"], affinity = "negative" },
  ]

  # Where each HA resource is after the failure of each node.
  after = { for node in local.nodes : node => provider::pve::placement({
    nodes     = local.nodes
    resources = local.resources
    rules     = local.rules
    failed    = [node]
  }) }
}

# pve1 = ["vm:100: no node is left: rule 'web' names pve2; kept apart from vm:101 on pve2; …"], pve2 = [], pve3 = []
output "lost" {
  description = "HA resources that are left without a node, by the node that fails."
  value       = { for node, placed in local.after : node => [for sid, p in placed : "${sid}: ${p.reason}" if p.node == null] }
}

locals {
  policy = local.has_rules ? {
    groups = []
    rules  = [{ name = var.name, resources = values(local.resources)[*].sid, nodes = local.nodes, strict = var.strict }]
    } : {
    groups = [{ name = var.name, nodes = local.nodes, restricted = var.strict }]
    rules  = []
  }

  # Computed from the input alone: a test needs no cluster for it.
  after = { for failed in var.cluster.nodes : failed => provider::pve::placement({
    nodes     = var.cluster.nodes
    resources = [for r in local.resources : { sid = r.sid, node = r.node, group = local.has_rules ? null : var.name }]
    rules     = local.policy.rules
    groups    = local.policy.groups
    failed    = [failed]
  }) }
}

output "quorum" {
  description = "The votes of the cluster, and how many nodes may fail."
  value = provider::pve::quorum({
    votes   = { for node in var.cluster.nodes : node => 1 }
    qdevice = var.cluster.qdevice
  })
}

output "after_failure" {
  description = "The node of each HA resource after the failure of each node; null if none can run it."
  value       = { for failed, placed in local.after : failed => { for sid, p in placed : sid => p.node } }
}

output "lost" {
  description = "Why HA resources are left without a node, by the node that fails."
  value       = { for failed, placed in local.after : failed => { for sid, p in placed : sid => p.reason if p.node == null } }
}

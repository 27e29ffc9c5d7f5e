output "placement" {
  description = "Where each HA service is, and its state."
  value = {
    for service in data.pve_ha_status.this.services : service.sid => {
      node  = service.node
      state = service.state
    }
  }
}

output "quorum" {
  description = "How many votes there are, and how many nodes may still fail."
  value = {
    votes     = "${data.pve_quorum.this.total_votes} of ${data.pve_quorum.this.expected_votes}"
    tolerates = data.pve_quorum.this.tolerated_node_failures
  }
}

output "fencing" {
  description = "Whether nodes would be fenced; PVE 8 doesn't tell."
  value       = try(coalesce(data.pve_ha_status.this.fencing.armed_state), "unknown")
}

output "problems" {
  description = "What the HA manager reports as wrong."
  value       = data.pve_ha_status.this.problems
}

output "ready" {
  description = "Whether the cluster is ready for production once this plan is applied."
  value       = data.pve_ha_readiness.this.ready
}

output "blockers" {
  description = "What is missing for production."
  value       = data.pve_ha_readiness.this.blockers
}

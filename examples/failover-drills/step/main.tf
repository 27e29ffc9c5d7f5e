# One step of a drill: something happens to the emulated cluster, cluster time passes, and the outputs have what HA made of it.

terraform {
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

variable "events" {
  description = "Arguments of `pve-emulator ctl`, one call for each."
  type        = list(string)
  default     = []
}

variable "seconds" {
  description = "How far the clock of the cluster is moved after the events."
  type        = number
  default     = 0
}

variable "predicted" {
  description = "For an assertion: what the simulation has predicted for the failure of this drill."
  type        = any
  default     = null
}

locals {
  calls    = concat(var.events, var.seconds > 0 ? ["advance ${var.seconds}"] : [])
  services = { for service in data.pve_ha_status.this.services : service.sid => "${service.state} on ${service.node}" }
}

resource "terraform_data" "events" {
  # Every step happens, also one that is the same as the step before.
  triggers_replace = timestamp()

  provisioner "local-exec" {
    command = length(local.calls) == 0 ? "exit 0" : join(" && ", [for call in local.calls : "pve-emulator ctl ${call}"])
  }
}

data "pve_ha_status" "this" {
  depends_on = [terraform_data.events]
}

data "pve_quorum" "this" {
  depends_on = [terraform_data.events]
}

output "services" {
  description = "The state of every HA resource and its node, such as `started on pve1`."
  value       = local.services
}

output "nodes" {
  description = "The state of every node in the HA manager."
  value       = { for node in data.pve_ha_status.this.nodes : node.name => node.state }
}

output "master" {
  description = "The node whose HA manager is master."
  value       = try(data.pve_ha_status.this.master.node, null)
}

output "problems" {
  description = "What `pve_ha_status` reports as a problem."
  value       = data.pve_ha_status.this.problems
}

output "quorate" {
  description = "Whether the cluster has quorum."
  value       = data.pve_quorum.this.quorate
}

output "votes" {
  description = "The votes that are present, of those that are needed."
  value       = "${data.pve_quorum.this.total_votes} of ${data.pve_quorum.this.needed_votes}"
}

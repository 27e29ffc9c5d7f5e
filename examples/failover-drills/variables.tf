variable "guests" {
  description = "The HA resources, by the id of the guest."
  type = map(object({
    state        = optional(string, "started")
    group        = optional(string)
    failback     = optional(bool)
    max_restart  = optional(number, 1)
    max_relocate = optional(number, 1)
  }))
}

variable "node_affinity_rules" {
  description = "The nodes on which HA resources may run, by name of the rule (PVE 9)."
  type = map(object({
    resources = set(string)
    nodes     = map(number)
    strict    = optional(bool, false)
    disabled  = optional(bool, false)
  }))
  default = {}
}

variable "resources_kept_together" {
  description = "HA resources that run on one node, by name of the rule (PVE 9)."
  type        = map(set(string))
  default     = {}
}

variable "groups" {
  description = "The HA groups, by name (PVE 8)."
  type = map(object({
    nodes      = map(number)
    restricted = optional(bool, false)
    nofailback = optional(bool, false)
  }))
  default = {}
}

variable "shutdown_policy" {
  description = "What happens to HA resources when a node is shut down or rebooted; Proxmox's default is conditional."
  type        = string
  default     = null
}

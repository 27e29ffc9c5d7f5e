variable "name" {
  description = "The name of the group or rule."
  type        = string
}

variable "guests" {
  description = "The guests to make highly available, each with the node that it is on."
  type = map(object({
    type = optional(string, "vm")
    id   = number
    node = string
  }))

  validation {
    condition     = alltrue([for guest in var.guests : can(provider::pve::sid(guest.type, guest.id))])
    error_message = "A guest has a type (vm or ct) and a VMID from 100 on."
  }
}

variable "nodes" {
  description = "The nodes with their priorities, the higher the better, such as [\"pve[1-2]:2\", \"pve3\"]."
  type        = list(string)
}

variable "strict" {
  description = "Whether the guests may run on no other nodes."
  type        = bool
  default     = false
}

variable "cluster" {
  description = "All nodes of the cluster, and whether it has a QDevice."
  type = object({
    nodes   = set(string)
    qdevice = optional(bool, false)
  })
}

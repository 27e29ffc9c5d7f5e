variable "tiers" {
  description = "Where each tier runs: nodes with priorities (a higher number is preferred), and whether its services keep apart."
  type = map(object({
    nodes = map(number)
    apart = bool
  }))
  default = {
    low      = { nodes = { pve3 = 2, pve1 = 1 }, apart = false }
    medium   = { nodes = { pve2 = 2, pve1 = 1 }, apart = false }
    critical = { nodes = { pve1 = 1, pve2 = 1, pve3 = 1 }, apart = true }
  }
}

variable "services" {
  description = "The guests to make highly available, and their tier."
  type = map(object({
    sid  = string
    tier = string
  }))
  default = {
    mail  = { sid = "vm:104", tier = "low" }
    proxy = { sid = "vm:105", tier = "low" }
    web1  = { sid = "vm:100", tier = "medium" }
    web2  = { sid = "vm:101", tier = "medium" }
    db1   = { sid = "vm:102", tier = "critical" }
    db2   = { sid = "vm:103", tier = "critical" }
  }
}

variable "backup_storage" {
  description = "The storage for backups of the guests. It must be shared by all nodes, or be a Proxmox Backup Server."
  type        = string
  default     = "shared-nfs"
}

variable "oncall" {
  description = "Who gets a mail when a node is fenced, or a replication or backup fails."
  type        = set(string)
  default     = ["oncall@example.com"]
}

variable "gate" {
  description = "Whether the preconditions hold back changes. In an incident: -var gate=false."
  type        = bool
  default     = true
}

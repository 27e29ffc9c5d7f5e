variable "ssh" {
  description = "How root of the nodes is reached; unset, as PROXMOX_VE_SSH_* and the cluster's own addresses say."
  type = object({
    private_key_file = optional(string)
    host_keys        = optional(list(string))
    nodes            = optional(map(object({ address = string, port = number })), {})
  })
  default = {}
}

variable "gate" {
  description = "Whether the preconditions hold back changes. In an incident: -var gate=false."
  type        = bool
  default     = true
}

variable "qnetd_address" {
  description = "The address of the QNetd host, outside of the two nodes."
  type        = string
  default     = "10.0.0.100"
}

variable "services" {
  description = "The guests to keep running."
  type        = map(string)
  default     = { web = "vm:100", database = "vm:101" }
}

variable "ipmi_addresses" {
  description = "The management controller of each node."
  type        = map(string)
  default     = { pve1 = "10.0.9.1", pve2 = "10.0.9.2" }
}

variable "ipmi_password" {
  description = "The password of the management controllers."
  type        = string
  sensitive   = true
}

variable "maintenance" {
  description = "The node to be emptied for an update, if any."
  type        = string
  default     = null
}

variable "ssh" {
  description = "How root of the nodes is reached; unset, as PROXMOX_VE_SSH_* and the addresses of the nodes say."
  type = object({
    private_key_file = optional(string)
    host_keys        = optional(list(string))
    nodes            = optional(map(object({ address = string, port = number })), {})
  })
  default = {}
}

variable "cluster" {
  description = "The name of the cluster."
  type        = string
  default     = "production"
}

variable "members" {
  description = "The address of each node that joins the first one."
  type        = map(string)
  default     = { pve2 = "10.0.0.2", pve3 = "10.0.0.3" }
}

variable "services" {
  description = "The guests to keep running."
  type        = map(string)
  default     = {}
}

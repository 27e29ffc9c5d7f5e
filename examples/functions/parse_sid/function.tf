terraform {
  required_version = ">= 1.8"
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

variable "sid" {
  description = "An HA resource."
  type        = string
  default     = "ct:200"

  validation {
    condition     = can(provider::pve::parse_sid(var.sid))
    error_message = "Write vm:ID or ct:ID, such as vm:100."
  }
}

# { type = "ct", id = 200 }
output "guest" {
  value = provider::pve::parse_sid(var.sid)
}

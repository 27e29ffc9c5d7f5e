data "pve_ha_status" "this" {}

variable "gate" {
  description = "Whether the preconditions hold back changes. In an incident: -var gate=false."
  type        = bool
  default     = true
}

# Stops a rollout before it touches anything as long as something is wrong.
resource "terraform_data" "gate" {
  lifecycle {
    precondition {
      condition     = !var.gate || data.pve_ha_status.this.healthy
      error_message = join("\n", data.pve_ha_status.this.problems)
    }
  }
}

output "where_services_run" {
  value = { for service in data.pve_ha_status.this.services : service.sid => service.node }
}

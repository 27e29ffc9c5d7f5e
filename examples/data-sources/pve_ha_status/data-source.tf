data "pve_ha_status" "this" {}

# Stops a rollout before it touches anything as long as something is wrong.
resource "terraform_data" "gate" {
  lifecycle {
    precondition {
      condition     = data.pve_ha_status.this.healthy
      error_message = join("\n", data.pve_ha_status.this.problems)
    }
  }
}

output "where_services_run" {
  value = { for service in data.pve_ha_status.this.services : service.sid => service.node }
}

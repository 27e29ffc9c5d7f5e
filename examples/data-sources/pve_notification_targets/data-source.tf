data "pve_notification_targets" "this" {}

# Warns in every plan as long as the fencing of some node, at some hour, reaches no target.
check "fencing_is_reported" {
  assert {
    condition     = alltrue([for route in data.pve_notification_targets.this.routes : route.complete if route.event == "fencing"])
    error_message = "Proxmox would fence a node without a notification: ${join("; ", [for route in data.pve_notification_targets.this.routes : route.gap if route.event == "fencing"])}"
  }
}

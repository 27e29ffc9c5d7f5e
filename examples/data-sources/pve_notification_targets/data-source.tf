data "pve_notification_targets" "this" {}

locals {
  fencing_routes = [for route in data.pve_notification_targets.this.routes : route if route.event == "fencing"]
}

# Warns in every plan as long as the fencing of some node, at some hour, reaches no target.
check "fencing_is_reported" {
  assert {
    condition     = alltrue(local.fencing_routes[*].complete)
    error_message = "The fencing of a node reaches no target: ${join("; ", compact(local.fencing_routes[*].gap))}"
  }
}

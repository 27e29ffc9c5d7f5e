# A phase starts only on a healthy cluster on which every earlier phase is done.

data "pve_quorum" "this" {}

data "pve_ha_status" "this" {}

locals {
  phases  = ["low", "medium", "critical"]
  earlier = local.is_shared ? [] : slice(local.phases, 0, index(local.phases, terraform.workspace))
  started = toset([for service in data.pve_ha_status.this.services : service.sid if service.state == "started"])

  waiting_for = sort([
    for service in var.services : service.sid
    if contains(local.earlier, service.tier) && !contains(local.started, service.sid)
  ])
}

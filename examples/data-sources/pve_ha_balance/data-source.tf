data "pve_ha_balance" "now" {}

# What would happen if this guest had to stay where it is.
data "pve_ha_balance" "with_pinned_database" {
  pinned = ["vm:100"]
}

output "next_move" {
  value = data.pve_ha_balance.now.next_move
}

output "why_nothing_moves" {
  value = data.pve_ha_balance.with_pinned_database.reason
}

# PVE 9. On PVE 8 `supported` is false and the list empty.
data "pve_ha_rules" "all" {}

data "pve_ha_rules" "of_one" {
  type     = "node-affinity"
  resource = "vm:100"
}

# Rules that the HA manager drops, and why.
output "rules_not_in_force" {
  value = { for rule in data.pve_ha_rules.all.rules : rule.name => rule.errors if length(rule.errors) > 0 }
}

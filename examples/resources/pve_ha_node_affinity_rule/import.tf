import {
  to = pve_ha_node_affinity_rule.databases
  id = "databases"
}

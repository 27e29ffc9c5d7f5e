# The rule, which leaves its members to others.
resource "pve_ha_resource" "web1" {
  sid = "vm:100"
}

resource "pve_ha_node_affinity_rule" "web" {
  name      = "web"
  resources = [pve_ha_resource.web1.sid]

  nodes = {
    pve1 = 1
    pve2 = 1
  }

  lifecycle {
    ignore_changes = [resources]
  }
}

# A guest that joins it, in this configuration or in another one.
resource "pve_ha_resource" "web2" {
  sid = "vm:101"
}

resource "pve_ha_rule_member" "web2" {
  rule     = pve_ha_node_affinity_rule.web.name
  resource = pve_ha_resource.web2.sid
}

# PVE 9. Two web servers that never run on the same node.
resource "pve_ha_resource" "web" {
  for_each = toset(["vm:100", "vm:101"])
  sid      = each.key
}

resource "pve_ha_resource_affinity_rule" "web_apart" {
  name      = "web-apart"
  affinity  = "negative"
  resources = [for web in pve_ha_resource.web : web.sid]
}

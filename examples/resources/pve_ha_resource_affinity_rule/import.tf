import {
  to = pve_ha_resource_affinity_rule.web_apart
  id = "web-apart"
}

import {
  to = pve_ha_rule_member.web2
  id = "web/vm:101"
}

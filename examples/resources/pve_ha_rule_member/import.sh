terraform import pve_ha_rule_member.web2 web/vm:101

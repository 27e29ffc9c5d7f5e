import {
  to = pve_ha_group.databases
  id = "databases"
}

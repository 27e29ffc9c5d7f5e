import {
  to = pve_node_watchdog.pve1
  id = "pve1"
}

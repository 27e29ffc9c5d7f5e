terraform import pve_node_watchdog.pve1 pve1

terraform import pve_node_maintenance.pve2 pve2

terraform import pve_cluster.this production

terraform import pve_cluster_member.pve2 pve2

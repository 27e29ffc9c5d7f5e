import {
  to = pve_cluster_member.pve2
  id = "pve2"
}

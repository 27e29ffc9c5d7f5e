import {
  to = pve_cluster.this
  id = "production"
}

import {
  to = pve_corosync_options.this
  id = "corosync"
}

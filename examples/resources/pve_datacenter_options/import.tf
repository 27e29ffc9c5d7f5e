import {
  to = pve_datacenter_options.this
  id = "datacenter/ha,crs,migration"
}

# All options that are set; datacenter/ha,crs,migration takes just these.
terraform import pve_datacenter_options.this datacenter/ha,crs,migration

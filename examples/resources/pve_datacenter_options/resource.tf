# Only what stands here is managed; every other option stays as it is.
resource "pve_datacenter_options" "this" {
  ha {
    shutdown_policy = "migrate"
  }

  crs {
    ha                    = "static"
    ha_rebalance_on_start = true
  }

  migration {
    type = "secure"
  }
}

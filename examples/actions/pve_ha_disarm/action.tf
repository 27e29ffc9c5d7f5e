# HA is armed again after half an hour, also if the run is interrupted.
action "pve_ha_disarm" "switch_replacement" {
  config {
    mode = "freeze"
    for  = "30m"
  }
}

action "pve_ha_arm" "after_outage" {
  config {}
}

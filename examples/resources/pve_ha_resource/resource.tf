# Kept running, and recovered on another node when its node fails.
resource "pve_ha_resource" "web" {
  sid     = "vm:100"
  comment = "web front end"
}

# Tried twice more where it is, then on two other nodes, before it goes into the error state.
resource "pve_ha_resource" "database" {
  sid          = "vm:102"
  max_restart  = 2
  max_relocate = 2

  timeouts {
    create = "10m"
  }
}

# Proxmox documents that a lower priority is preferred: link 0, and link 1 where link 0 is not connected.
resource "pve_corosync_options" "this" {
  token_coefficient = 125

  link {
    number   = 0
    priority = 10
  }

  link {
    number   = 1
    priority = 20
    addresses = {
      pve1 = "10.1.0.1"
      pve2 = "10.1.0.2"
      pve3 = "10.1.0.3"
    }
  }
}

# Corosync uses link 0 while it is connected, and link 1 otherwise.
resource "pve_corosync_options" "this" {
  token_coefficient = 125

  link {
    number   = 0
    priority = 20
  }

  link {
    number   = 1
    priority = 10
    addresses = {
      pve1 = "10.1.0.1"
      pve2 = "10.1.0.2"
      pve3 = "10.1.0.3"
    }
  }
}

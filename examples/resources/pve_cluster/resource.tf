# Made of the node that the provider block names as its endpoint.
resource "pve_cluster" "this" {
  name = "production"

  # Proxmox documents that a lower priority is preferred.
  link {
    address  = "10.0.0.1"
    priority = 10
  }
}

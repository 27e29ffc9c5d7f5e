# With an ssh block in the provider block no password is needed.
resource "pve_cluster_member" "pve2" {
  node    = "pve2"
  address = "10.0.0.2"

  link {
    address = "10.0.0.2"
  }
}

# An external vote, so that a cluster of two nodes survives the failure of one.
resource "pve_qdevice" "this" {
  address = "10.0.0.100"
}

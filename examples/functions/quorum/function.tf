terraform {
  required_version = ">= 1.8"
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

locals {
  # Two nodes of one vote each, and a QDevice.
  quorum = provider::pve::quorum({
    votes   = { pve1 = 1, pve2 = 1 }
    qdevice = true
  })
}

# 1: with the QDevice either node may fail, but not while the QDevice is away.
output "tolerated" {
  value = local.quorum.tolerated_node_failures

  precondition {
    condition     = local.quorum.tolerated_node_failures >= 1
    error_message = "The cluster loses quorum with its first node."
  }
}

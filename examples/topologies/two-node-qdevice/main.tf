terraform {
  required_version = ">= 1.5"
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

# Endpoint and API token come from PROXMOX_VE_ENDPOINT and PROXMOX_VE_API_TOKEN, the rest of `ssh` from PROXMOX_VE_SSH_*.
provider "pve" {
  ssh {
    private_key_file = var.ssh.private_key_file
    host_keys        = var.ssh.host_keys

    dynamic "node" {
      for_each = var.ssh.nodes
      content {
        name    = node.key
        address = node.value.address
        port    = node.value.port
      }
    }
  }
}

# The third vote: with it, one of two nodes may fail.
resource "pve_qdevice" "this" {
  address = var.qnetd_address
}

data "pve_quorum" "this" {
  depends_on = [pve_qdevice.this]
}

# What is kept running, only once a failure can be survived.
resource "pve_ha_resource" "this" {
  for_each = var.services

  sid          = each.value
  max_restart  = 2
  max_relocate = 1
  comment      = each.key

  lifecycle {
    precondition {
      condition     = !var.gate || coalesce(data.pve_quorum.this.tolerated_node_failures, 0) >= 1
      error_message = "The cluster would not survive the failure of a node."
    }
  }
}

# Documented and tested, but not acted on by Proxmox: what protects is the watchdog.
resource "pve_fence_device" "ipmi" {
  name           = "ipmi"
  agent          = "fence_ipmilan"
  options        = { username = "fence", lanplus = "" }
  secret_options = { password = var.ipmi_password }
  verify         = true

  dynamic "connect" {
    for_each = var.ipmi_addresses
    content {
      node    = connect.key
      options = { ip = connect.value }
    }
  }
}

# `-var maintenance=pve2` empties that node for an update.
resource "pve_node_maintenance" "this" {
  for_each = toset(compact([var.maintenance]))

  node = each.key
}

terraform {
  required_version = ">= 1.5"
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

# The first node: PROXMOX_VE_ENDPOINT and PROXMOX_VE_API_TOKEN are its own, and remain valid. The rest of `ssh` comes from
# PROXMOX_VE_SSH_*.
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

# Made of the first node.
resource "pve_cluster" "this" {
  name = var.cluster

  lifecycle {
    # Proxmox can't dissolve a cluster: a `removed` block takes it from the state.
    prevent_destroy = true
  }
}

# The others join one after the other. No password is needed: they are reached over SSH.
resource "pve_cluster_member" "this" {
  for_each   = var.members
  depends_on = [pve_cluster.this]

  node    = each.key
  address = each.value
}

# Highly available from the first day: the nodes that are shut down for an update give their guests away.
resource "pve_datacenter_options" "this" {
  depends_on = [pve_cluster_member.this]

  ha {
    shutdown_policy = "migrate"
  }
}

data "pve_quorum" "this" {
  depends_on = [pve_cluster_member.this]
}

# What is kept running, once there are guests, and only if a failure can be survived.
resource "pve_ha_resource" "this" {
  for_each   = var.services
  depends_on = [pve_cluster_member.this]

  sid          = each.value
  max_restart  = 2
  max_relocate = 1
  comment      = each.key

  lifecycle {
    precondition {
      condition     = coalesce(data.pve_quorum.this.tolerated_node_failures, 0) >= 1
      error_message = "The cluster would not survive the failure of a node."
    }
  }
}

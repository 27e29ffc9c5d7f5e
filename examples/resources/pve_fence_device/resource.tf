# Protects nothing by itself: the HA manager of PVE 8 and 9 does not act on fence devices.
variable "ipmi_password" {
  description = "The password of the management controllers' user."
  type        = string
  sensitive   = true
  ephemeral   = true # in no plan file
}

resource "pve_fence_device" "ipmi" {
  name  = "ipmi"
  agent = "fence_ipmilan"

  options = {
    username = "fence"
    lanplus  = "" # a bare word: --lanplus
  }

  # In no state. Terraform before 1.11: secret_options, which is stored in the state.
  secret_options_wo = {
    password = var.ipmi_password
  }
  secret_options_wo_version = 1 # increase it with each new password

  connect {
    node    = "pve1"
    options = { ip = "10.0.9.1" }
  }

  connect {
    node    = "pve2"
    options = { ip = "10.0.9.2" }
  }

  verify = true
}

# Tried when the management controllers don't answer.
resource "pve_fence_device" "switch" {
  name    = "switch"
  agent   = "fence_apc"
  after   = pve_fence_device.ipmi.name
  options = { ip = "10.0.9.100" }

  connect {
    node    = "pve1"
    options = { plug = "1" }
  }

  connect {
    node    = "pve2"
    options = { plug = "2" }
  }
}

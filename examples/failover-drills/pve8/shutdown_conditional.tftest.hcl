# A node is shut down properly, with the shutdown policy `conditional`, Proxmox's default.
#
# Its guests are stopped and its locks released, so that nothing has to expire: if the node is not back after 60 seconds,
# its guests are recovered, about 60 to 80 seconds after it left. HA does not touch `ignored` ones.

variables {
  shutdown_policy = "conditional"
  guests = {
    "vm:102" = { state = "ignored", max_restart = 2, max_relocate = 3 }
    "vm:103" = {}
  }
}

run "new_cluster" {
  module {
    source = "./step"
  }
  variables {
    events = ["clock virtual", "seed"]
  }
}

run "topology" {}

run "before" {
  module {
    source = "./step"
  }
  variables {
    seconds = 60
  }

  assert {
    condition     = output.services["vm:102"] == "ignored on pve3" && output.services["vm:103"] == "started on pve1"
    error_message = "Before the shutdown. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_40_seconds" {
  module {
    source = "./step"
  }
  variables {
    events  = ["run pve1 poweroff"]
    seconds = 40
  }

  assert {
    condition     = output.services["vm:103"] == "stopped on pve1" || output.services["vm:103"] == "started on pve1"
    error_message = "It is not yet recovered: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_130_seconds" {
  module {
    source = "./step"
  }
  variables {
    seconds = 90
  }

  assert {
    condition     = output.services == { "vm:102" = "ignored on pve3", "vm:103" = "started on pve2" }
    error_message = "It is recovered, before any lock expires. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

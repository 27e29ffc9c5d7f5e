# A node is rebooted, with the shutdown policy `conditional`, Proxmox's default.
#
# Its guests are stopped and frozen: however long the reboot takes, they are not recovered elsewhere. They start when the
# node is back.

variables {
  shutdown_policy = "conditional"
  guests = {
    "vm:102" = {}
    "ct:952" = {}
    "vm:101" = {}
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
    condition     = output.services["vm:102"] == "started on pve3" && output.services["ct:952"] == "started on pve3"
    error_message = "Before the reboot. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "rebooting" {
  module {
    source = "./step"
  }
  variables {
    events  = ["run pve3 reboot"]
    seconds = 40
  }

  assert {
    condition     = output.services["vm:102"] == "freeze on pve3" && output.services["ct:952"] == "freeze on pve3" && output.services["vm:101"] == "started on pve2"
    error_message = "What was on the node is frozen. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_150_seconds" {
  module {
    source = "./step"
  }
  variables {
    seconds = 110
  }

  assert {
    condition     = output.services == { "vm:101" = "started on pve2", "vm:102" = "started on pve3", "ct:952" = "started on pve3" }
    error_message = "They have started where they were. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

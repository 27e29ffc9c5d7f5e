# A node is shut down properly, with the shutdown policy `freeze`.
#
# What was on it is frozen, stopped and disabled ones included, and is not recovered as long as the node is away: HA
# protects nothing of it.

variables {
  shutdown_policy = "freeze"
  guests = {
    "ct:950" = { state = "disabled", failback = false, max_relocate = 3 }
    "ct:951" = { failback = false, max_restart = 2 }
    "ct:953" = { max_restart = 2 }
    "vm:100" = {}
  }
}

run "new_cluster" {
  module {
    source = "./step"
  }
  variables {
    events = ["clock virtual", "seed", "guest move 950 pve2"]
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
    condition     = output.services["ct:951"] == "started on pve2"
    error_message = "Before the shutdown. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_10_minutes" {
  module {
    source = "./step"
  }
  variables {
    events  = ["run pve2 poweroff"]
    seconds = 600
  }

  assert {
    condition     = output.nodes["pve2"] == "unknown"
    error_message = "The node is away. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.services == { "ct:950" = "freeze on pve2", "ct:951" = "freeze on pve2", "ct:953" = "started on pve1", "vm:100" = "started on pve1" }
    error_message = "What was on the node is frozen. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

# A node is rebooted, with the shutdown policy `migrate`.
#
# The node waits until HA has moved its guests away: virtual machines migrate while they run, containers restart. When the
# node is back, they return.

variables {
  shutdown_policy = "migrate"
  guests = {
    "ct:952" = {}
    "vm:102" = {}
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
    condition     = output.services["ct:952"] == "started on pve3" && output.services["vm:102"] == "started on pve3"
    error_message = "Before the reboot. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_60_seconds" {
  module {
    source = "./step"
  }
  variables {
    events  = ["run pve3 reboot"]
    seconds = 60
  }

  assert {
    condition     = output.services["ct:952"] == "started on pve1" && output.services["vm:102"] == "started on pve2"
    error_message = "They have moved away, to a node each. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = contains(["maintenance", "unknown"], output.nodes["pve3"])
    error_message = "The node is in maintenance on its way down. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_5_minutes" {
  module {
    source = "./step"
  }
  variables {
    seconds = 240
  }

  assert {
    condition     = output.services == { "ct:952" = "started on pve3", "vm:102" = "started on pve3" }
    error_message = "They have returned. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

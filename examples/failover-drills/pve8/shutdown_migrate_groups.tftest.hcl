# A node is shut down properly, with the shutdown policy `migrate`.
#
# HA moves its guests away before the node goes down: no guest is recovered, because none is left behind. A group that is
# not restricted only prefers its nodes.

variables {
  shutdown_policy = "migrate"
  guests = {
    "ct:950" = { max_relocate = 2, group = "third" }
    "ct:952" = { max_relocate = 0 }
    "ct:953" = {}
  }
  groups = { third = { nodes = { pve3 = 0 }, nofailback = true } }
}

run "new_cluster" {
  module {
    source = "./step"
  }
  variables {
    events = ["clock virtual", "seed", "guest move 950 pve3"]
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
    condition     = output.services["ct:950"] == "started on pve3" && output.services["ct:952"] == "started on pve3"
    error_message = "Before the shutdown. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_5_minutes" {
  module {
    source = "./step"
  }
  variables {
    events  = ["run pve3 poweroff"]
    seconds = 300
  }

  assert {
    condition     = output.services == { "ct:950" = "started on pve2", "ct:952" = "started on pve1", "ct:953" = "started on pve1" }
    error_message = "They have moved away. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

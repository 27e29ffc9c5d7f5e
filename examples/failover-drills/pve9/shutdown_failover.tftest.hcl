# A node is shut down properly, with the shutdown policy `failover`, and comes back later.
#
# Its guests are stopped, its locks released, and after 60 seconds its guests are recovered. When it is back, what it has
# the highest priority for moves back, except where `failback` is off.

variables {
  shutdown_policy = "failover"
  guests = {
    "ct:950" = { max_relocate = 3 }
    "ct:951" = { max_restart = 2, failback = false }
    "vm:100" = { max_restart = 2, failback = false }
    "vm:101" = { max_restart = 3 }
    "vm:102" = { max_restart = 2, max_relocate = 3 }
  }
  node_affinity_rules = {
    rule-1 = { resources = ["vm:101"], nodes = { pve3 = 9, pve1 = 1 } }
    rule-2 = { resources = ["vm:102"], nodes = { pve3 = 1, pve2 = 5 } }
    rule-3 = { resources = ["vm:100"], nodes = { pve2 = 2 } }
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
    seconds = 90
  }

  assert {
    condition     = output.services == { "ct:950" = "started on pve1", "ct:951" = "started on pve2", "vm:100" = "started on pve1", "vm:101" = "started on pve3", "vm:102" = "started on pve2" }
    error_message = "Each is on the best node, except where failback is off. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_130_seconds" {
  module {
    source = "./step"
  }
  variables {
    events  = ["run pve3 poweroff"]
    seconds = 130
  }

  assert {
    condition     = output.services["vm:101"] == "started on pve1"
    error_message = "It is recovered on the next best node. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "node_back" {
  module {
    source = "./step"
  }
  variables {
    events  = ["restore pve3"]
    seconds = 90
  }

  assert {
    condition     = output.services == { "ct:950" = "started on pve1", "ct:951" = "started on pve2", "vm:100" = "started on pve1", "vm:101" = "started on pve3", "vm:102" = "started on pve2" }
    error_message = "It is back. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

# A restricted group: the HA resource is recovered on a node of the group only, and moves back to the node with the higher
# number when that is there again. Other HA resources are placed where the fewest are.

variables {
  guests = {
    "ct:952" = {}
    "vm:101" = { group = "licence" }
    "vm:104" = { max_restart = 0, max_relocate = 2 }
    "vm:105" = { max_relocate = 3, group = "third" }
  }
  groups = {
    licence = { nodes = { pve3 = 5, pve2 = 100 }, restricted = true }
    third   = { nodes = { pve3 = 1 }, nofailback = true }
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
    condition     = output.services == { "ct:952" = "started on pve3", "vm:101" = "started on pve2", "vm:104" = "started on pve2", "vm:105" = "started on pve3" }
    error_message = "Before the failure. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "prediction" {
  module {
    source = "./predict"
  }
}

run "after_160_seconds" {
  module {
    source = "./step"
  }
  variables {
    events  = ["fail pve2"]
    seconds = 160
    # What the simulation said before the failure.
    predicted = run.prediction.failure_of["pve2"]
  }

  assert {
    condition     = output.services == { "ct:952" = "started on pve3", "vm:101" = "started on pve3", "vm:104" = "started on pve1", "vm:105" = "started on pve3" }
    error_message = "The emptier node pve1 is not in the group. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.services == var.predicted
    error_message = "The simulation predicted ${jsonencode(var.predicted)}. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "node_back" {
  module {
    source = "./step"
  }
  variables {
    events  = ["restore pve2"]
    seconds = 150
  }

  assert {
    condition     = output.services == { "ct:952" = "started on pve3", "vm:101" = "started on pve2", "vm:104" = "started on pve1", "vm:105" = "started on pve3" }
    error_message = "The one with the group has moved back. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

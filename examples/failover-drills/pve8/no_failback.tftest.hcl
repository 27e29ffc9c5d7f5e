# A node comes back that an HA resource prefers, but its group has `nofailback`: it stays where it was recovered.

variables {
  guests = { "vm:102" = { group = "prefer" } }
  groups = { prefer = { nodes = { pve3 = 2, pve2 = 1 }, nofailback = true } }
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
    condition     = output.services["vm:102"] == "started on pve3"
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
    events  = ["fail pve3"]
    seconds = 160
    # What the simulation said before the failure.
    predicted = run.prediction.failure_of["pve3"]
  }

  assert {
    condition     = output.services["vm:102"] == "started on pve2"
    error_message = "It is recovered on the next best node. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
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
    events  = ["restore pve3"]
    seconds = 120
  }

  assert {
    condition     = output.nodes["pve3"] == "online"
    error_message = "The node is back. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.services["vm:102"] == "started on pve2"
    error_message = "It has stayed. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

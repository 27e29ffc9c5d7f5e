# A cluster of two nodes with a QDevice loses a node: the other one and the QDevice have quorum, so HA recovers.
# Without the QDevice it would be as in `quorum_lost`.

variables {
  guests = {
    "vm:100" = {}
    "vm:101" = {}
  }
}

run "new_cluster" {
  module {
    source = "./step"
  }
  variables {
    events = ["clock virtual", "seed --nodes 2", "qdevice on"]
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
    condition     = output.votes == "3 of 2"
    error_message = "The votes: ${output.votes}"
  }

  assert {
    condition     = output.services["vm:101"] == "started on pve2"
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
    condition     = output.quorate && output.votes == "2 of 2"
    error_message = "The votes: ${output.votes}"
  }

  assert {
    condition     = output.services == { "vm:100" = "started on pve1", "vm:101" = "started on pve1" }
    error_message = "It is recovered. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.services == var.predicted
    error_message = "The simulation predicted ${jsonencode(var.predicted)}. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

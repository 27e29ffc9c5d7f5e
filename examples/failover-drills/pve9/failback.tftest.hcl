# A node comes back that an HA resource prefers: it moves back by itself, within about 10 to 30 seconds.
#
# The higher number is preferred. To keep the HA resource where it is, set `failback = false`, as in `no_failback`.

variables {
  guests              = { "vm:104" = {} }
  node_affinity_rules = { prefer = { resources = ["vm:104"], nodes = { pve3 = 2, pve2 = 1 } } }
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
    condition     = output.services["vm:104"] == "started on pve3"
    error_message = "It has moved to the node with the highest number. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
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
    condition     = output.services["vm:104"] == "started on pve2"
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
    seconds = 30
  }

  assert {
    condition     = endswith(output.services["vm:104"], " on pve3")
    error_message = "It moves back. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

# The state is `starting` until the LRM of the node has its lock again; the guest has been running all the time.
run "node_back_for_150_seconds" {
  module {
    source = "./step"
  }
  variables {
    seconds = 120
  }

  assert {
    condition     = output.services["vm:104"] == "started on pve3"
    error_message = "It has moved back. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

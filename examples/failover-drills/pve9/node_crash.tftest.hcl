# A node that is not the master loses its power.
#
# Corosync notices within seconds. The HA manager waits 60 seconds, then fences: it waits until the lock of the node has
# expired, 120 seconds after its last renewal. Then it places each HA resource on the node with the fewest of them. Nothing
# moves that was on another node.

variables {
  guests = {
    "ct:950" = { failback = false, max_restart = 2 }
    "vm:100" = { failback = false }
    "vm:101" = { failback = false, max_restart = 2 }
    "vm:103" = { state = "stopped" }
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
    condition     = output.services["vm:101"] == "started on pve2" && length(output.problems) == 0
    error_message = "Before the failure: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "prediction" {
  module {
    source = "./predict"
  }
}

run "after_50_seconds" {
  module {
    source = "./step"
  }
  variables {
    events  = ["fail pve2"]
    seconds = 50
  }

  assert {
    condition     = output.nodes["pve2"] == "unknown"
    error_message = "A node that is gone for less than 60 seconds is not fenced. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.services["vm:101"] == "started on pve2"
    error_message = "It is not yet recovered. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_90_seconds" {
  module {
    source = "./step"
  }
  variables {
    seconds = 40
  }

  assert {
    condition     = output.nodes["pve2"] == "fence"
    error_message = "After 60 seconds the node is fenced. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.services["vm:101"] == "fence on pve2"
    error_message = "Its lock has not expired. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_160_seconds" {
  module {
    source = "./step"
  }
  variables {
    seconds = 70
    # What the simulation said before the failure.
    predicted = run.prediction.failure_of["pve2"]
  }

  assert {
    condition     = output.services == { "ct:950" = "started on pve1", "vm:100" = "started on pve1", "vm:101" = "started on pve3", "vm:103" = "stopped on pve1" }
    error_message = "The HA resource is recovered on the node with the fewest. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.services == var.predicted
    error_message = "The simulation predicted ${jsonencode(var.predicted)}. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

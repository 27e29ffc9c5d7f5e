# A strict rule: the HA resource is recovered on a node of the rule, however much that node has to do, and however little
# the others have.

variables {
  guests = {
    "vm:101" = {}
    "vm:102" = {}
    "vm:104" = {}
  }
  node_affinity_rules = { licence = { resources = ["vm:102"], nodes = { pve2 = 0, pve3 = 0 }, strict = true } }
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
    condition     = output.services["vm:101"] == "started on pve2" && output.services["vm:102"] == "started on pve3" && output.services["vm:104"] == "started on pve2"
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
    condition     = output.services == { "vm:101" = "started on pve2", "vm:102" = "started on pve2", "vm:104" = "started on pve2" }
    error_message = "The empty node pve1 is not in the rule. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.services == var.predicted
    error_message = "The simulation predicted ${jsonencode(var.predicted)}. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

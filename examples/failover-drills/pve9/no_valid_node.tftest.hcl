# The only node that a strict rule allows fails: its HA resource waits in the state `recovery`. The HA manager looks for a
# node in every round, and starts it when the node is back, or when the rule is changed.

variables {
  guests = {
    "vm:102" = { max_restart = 2, max_relocate = 2 }
    "vm:103" = { max_relocate = 0 }
    "vm:105" = { max_relocate = 2 }
    "vm:901" = { max_restart = 0 }
  }
  node_affinity_rules = { dongle = { resources = ["vm:105"], nodes = { pve2 = 0 }, strict = true } }
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
    condition     = output.services["vm:105"] == "started on pve2" && output.services["vm:901"] == "started on pve2"
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
    condition     = output.services["vm:105"] == "recovery on pve2" && output.services["vm:901"] == "started on pve1"
    error_message = "One is recovered, the other waits. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.services == var.predicted
    error_message = "The simulation predicted ${jsonencode(var.predicted)}. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = length(output.problems) > 0
    error_message = "pve_ha_status reports it."
  }
}

run "after_an_hour" {
  module {
    source = "./step"
  }
  variables {
    seconds = 3600
  }

  assert {
    condition     = output.services["vm:105"] == "recovery on pve2"
    error_message = "It waits for ever. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "node_back" {
  module {
    source = "./step"
  }
  variables {
    events  = ["restore pve2"]
    seconds = 60
  }

  assert {
    condition     = output.services == { "vm:102" = "started on pve3", "vm:103" = "started on pve1", "vm:105" = "started on pve2", "vm:901" = "started on pve1" }
    error_message = "It has started. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

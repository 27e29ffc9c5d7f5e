# The node of the master loses its power.
#
# Until the lock of the HA manager has expired, 120 seconds after its last renewal, there is no master. The new master
# begins its own 60 seconds then; the lock of the dead node has expired by that time. This recovery therefore begins about
# 180 to 200 seconds after the failure.

variables {
  guests = {
    "ct:952" = { state = "stopped", max_relocate = 3 }
    "ct:953" = { max_relocate = 0 }
    "vm:101" = { max_relocate = 2 }
    "vm:103" = { max_restart = 3 }
  }
}

run "new_cluster" {
  module {
    source = "./step"
  }
  variables {
    events = ["clock virtual", "seed", "guest move 953 pve3"]
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
    condition     = output.master == "pve1" && output.services["vm:103"] == "started on pve1"
    error_message = "master ${output.master}. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "prediction" {
  module {
    source = "./predict"
  }
}

run "after_110_seconds" {
  module {
    source = "./step"
  }
  variables {
    events  = ["fail pve1"]
    seconds = 110
  }

  assert {
    condition     = output.master == "pve1"
    error_message = "No other node can be the master yet: ${output.master}"
  }

  assert {
    condition     = output.services["vm:103"] == "started on pve1"
    error_message = "It is not yet recovered. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_150_seconds" {
  module {
    source = "./step"
  }
  variables {
    seconds = 40
  }

  assert {
    condition     = output.master != "pve1"
    error_message = "Another node is the master now."
  }

  assert {
    condition     = output.nodes["pve1"] == "unknown"
    error_message = "The new master waits its own 60 seconds. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_220_seconds" {
  module {
    source = "./step"
  }
  variables {
    seconds = 70
    # What the simulation said before the failure.
    predicted = run.prediction.failure_of["pve1"]
  }

  assert {
    condition     = output.services == { "ct:952" = "stopped on pve3", "ct:953" = "started on pve3", "vm:101" = "started on pve2", "vm:103" = "started on pve2" }
    error_message = "The HA resource is recovered. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.services == var.predicted
    error_message = "The simulation predicted ${jsonencode(var.predicted)}. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

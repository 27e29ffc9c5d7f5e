# A node loses its network, but keeps its power and its guests.
#
# It has no quorum, so it can't renew its lock and stops feeding its watchdog, which resets it 60 to 70 seconds later. That
# is why the others may start its guests once its lock has expired, after 120 seconds: they run nowhere twice. The
# three are kept together, so that all follow the first; HA resources that are to be stopped are moved as well.

variables {
  guests = {
    "vm:102" = { max_relocate = 0 }
    "vm:105" = { state = "stopped", max_restart = 2, max_relocate = 2 }
    "vm:902" = { state = "stopped", max_restart = 2, max_relocate = 3, failback = false }
  }
  resources_kept_together = { application = ["vm:102", "vm:105", "vm:902"] }
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

run "after_50_seconds" {
  module {
    source = "./step"
  }
  variables {
    events  = ["fail pve3 --network"]
    seconds = 50
  }

  assert {
    condition     = output.nodes["pve3"] == "unknown"
    error_message = "A node that is gone for less than 60 seconds is not fenced. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.quorate && output.votes == "2 of 2"
    error_message = "The rest has quorum: ${output.votes}"
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
    condition     = output.nodes["pve3"] == "fence"
    error_message = "After 60 seconds the node is fenced. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.services["vm:102"] == "fence on pve3"
    error_message = "Its lock has not expired. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_170_seconds" {
  module {
    source = "./step"
  }
  variables {
    seconds = 80
    # What the simulation said before the failure.
    predicted = run.prediction.failure_of["pve3"]
  }

  assert {
    condition     = output.services == { "vm:102" = "started on pve1", "vm:105" = "stopped on pve1", "vm:902" = "stopped on pve1" }
    error_message = "They are recovered, together. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.services == var.predicted
    error_message = "The simulation predicted ${jsonencode(var.predicted)}. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "network_back" {
  module {
    source = "./step"
  }
  variables {
    events  = ["restore pve3 --network"]
    seconds = 60
  }

  assert {
    condition     = output.nodes["pve3"] == "online"
    error_message = "The node takes part again. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.services == { "vm:102" = "started on pve1", "vm:105" = "stopped on pve1", "vm:902" = "stopped on pve1" }
    error_message = "Without a rule for nodes nothing moves back. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

# An administrator moves an HA resource to a node that its group does not prefer, before PVE 9.2.6.
#
# The HA manager moves it there, and moves it back in one of the next rounds.

variables {
  guests = { "vm:102" = { group = "prefer" } }
  groups = { prefer = { nodes = { pve3 = 2, pve2 = 1 } } }
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
    error_message = "Before the move. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_15_seconds" {
  module {
    source = "./step"
  }
  variables {
    events  = ["run pve1 ha-manager migrate vm:102 pve2"]
    seconds = 15
  }

  assert {
    condition     = startswith(output.services["vm:102"], "migrate")
    error_message = "It moves. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_90_seconds" {
  module {
    source = "./step"
  }
  variables {
    seconds = 75
  }

  assert {
    condition     = output.services["vm:102"] == "started on pve3"
    error_message = "It is back. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

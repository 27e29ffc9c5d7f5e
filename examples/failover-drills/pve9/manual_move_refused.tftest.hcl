# An administrator moves an HA resource to a node that its rule does not prefer, on PVE 9.2.6 or newer.
#
# The HA manager refuses it while `failback` is on, and logs why; the command itself succeeds.

variables {
  guests              = { "vm:102" = { failback = true } }
  node_affinity_rules = { prefer = { resources = ["vm:102"], nodes = { pve3 = 2, pve2 = 1 } } }
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
    condition     = output.services["vm:102"] == "started on pve3"
    error_message = "It does not move. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_75_seconds" {
  module {
    source = "./step"
  }
  variables {
    seconds = 60
  }

  assert {
    condition     = output.services["vm:102"] == "started on pve3"
    error_message = "It has not moved. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

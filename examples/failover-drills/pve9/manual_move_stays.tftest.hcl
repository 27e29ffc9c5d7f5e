# An administrator moves an HA resource to a node that its rule does not prefer, with `failback` off: it moves and stays.

variables {
  guests              = { "vm:102" = { failback = false } }
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

run "after_60_seconds" {
  module {
    source = "./step"
  }
  variables {
    events  = ["run pve1 ha-manager migrate vm:102 pve2"]
    seconds = 60
  }

  assert {
    condition     = output.services["vm:102"] == "started on pve2"
    error_message = "It has moved. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_10_minutes" {
  module {
    source = "./step"
  }
  variables {
    seconds = 540
  }

  assert {
    condition     = output.services["vm:102"] == "started on pve2"
    error_message = "It has stayed. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

# A guest does not start on its node. After `max_restart` further tries there, HA moves it to another node, as often as
# `max_relocate`.

variables {
  guests = { "vm:101" = { max_restart = 1, max_relocate = 1 } }
}

run "new_cluster" {
  module {
    source = "./step"
  }
  variables {
    events = ["clock virtual", "seed", "guest fail 101"]
  }
}

run "topology" {}

run "after_40_seconds" {
  module {
    source = "./step"
  }
  variables {
    seconds = 40
  }

  assert {
    condition     = startswith(output.services["vm:101"], "relocate on pve2") || endswith(output.services["vm:101"], " on pve1")
    error_message = "It was tried twice, and moves. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "cured" {
  module {
    source = "./step"
  }
  variables {
    events  = ["guest cure 101"]
    seconds = 60
  }

  assert {
    condition     = output.services["vm:101"] == "started on pve1"
    error_message = "It has started on the other node, and stays. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

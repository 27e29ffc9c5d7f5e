# An administrator moves HA resources to another node, without any rule: virtual machines migrate while they run, containers
# are stopped, moved and started again (`relocate`). Both stay.

variables {
  guests = {
    "ct:950" = {}
    "vm:100" = {}
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
    condition     = output.services["ct:950"] == "started on pve1" && output.services["vm:100"] == "started on pve1"
    error_message = "Before the move. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_10_seconds" {
  module {
    source = "./step"
  }
  variables {
    events  = ["run pve1 ha-manager migrate vm:100 pve2", "run pve1 ha-manager relocate ct:950 pve3"]
    seconds = 10
  }

  assert {
    condition     = startswith(output.services["vm:100"], "migrate") && startswith(output.services["ct:950"], "relocate")
    error_message = "They move. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_60_seconds" {
  module {
    source = "./step"
  }
  variables {
    seconds = 50
  }

  assert {
    condition     = output.services == { "ct:950" = "started on pve3", "vm:100" = "started on pve2" }
    error_message = "They have moved. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
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
    condition     = output.services == { "ct:950" = "started on pve3", "vm:100" = "started on pve2" }
    error_message = "They have stayed. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

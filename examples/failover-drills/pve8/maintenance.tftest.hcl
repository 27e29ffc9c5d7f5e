# Two nodes are put into maintenance: HA moves what runs there to the third, and starts nothing there. A disabled HA
# resource stays. When the maintenance of one of them ends, what came from it returns within a few rounds of 10 seconds.

variables {
  guests = {
    "vm:101" = { state = "disabled" }
    "vm:104" = { max_relocate = 0 }
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
    condition     = output.services["vm:104"] == "started on pve2"
    error_message = "Before the maintenance. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_90_seconds" {
  module {
    source = "./step"
  }
  variables {
    events  = ["run pve1 ha-manager crm-command node-maintenance enable pve2", "run pve1 ha-manager crm-command node-maintenance enable pve3"]
    seconds = 90
  }

  assert {
    condition     = output.nodes == { pve1 = "online", pve2 = "maintenance", pve3 = "maintenance" }
    error_message = "Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = length(output.problems) == 0
    error_message = "A node in maintenance is not a problem."
  }

  assert {
    condition     = output.services["vm:104"] == "started on pve1"
    error_message = "It has moved away. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "maintenance_of_one_ends" {
  module {
    source = "./step"
  }
  variables {
    events  = ["run pve1 ha-manager crm-command node-maintenance disable pve2"]
    seconds = 90
  }

  assert {
    condition     = output.nodes["pve2"] == "online"
    error_message = "The node is back. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.services["vm:104"] == "started on pve2"
    error_message = "It has returned. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

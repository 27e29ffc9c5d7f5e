# Two of three nodes lose their power: the rest has no quorum.
#
# HA does nothing without quorum, `/etc/pve` is read-only, and the watchdog resets the node that is left, since it has HA
# resources: its guests stop. When one of the others is back, HA starts everything again: in place on the nodes that are
# there, and after 60 seconds elsewhere for the one that is not.

variables {
  guests = {
    "vm:100" = {}
    "vm:101" = {}
    "vm:102" = {}
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
    condition     = output.services["vm:100"] == "started on pve1" && output.services["vm:101"] == "started on pve2" && output.services["vm:102"] == "started on pve3"
    error_message = "Before the failure. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_10_minutes" {
  module {
    source = "./step"
  }
  variables {
    events  = ["fail pve2", "fail pve3"]
    seconds = 600
  }

  assert {
    condition     = !output.quorate && output.votes == "1 of 2"
    error_message = "The votes: ${output.votes}"
  }

  assert {
    condition     = length(output.problems) > 0
    error_message = "pve_ha_status reports it."
  }

  assert {
    condition     = output.services["vm:101"] == "started on pve2" && output.services["vm:102"] == "started on pve3"
    error_message = "The last state is all that there is: nothing is recovered. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "one_is_back" {
  module {
    source = "./step"
  }
  variables {
    events  = ["restore pve2"]
    seconds = 240
  }

  assert {
    condition     = output.quorate && output.votes == "2 of 2"
    error_message = "The votes: ${output.votes}"
  }

  assert {
    condition     = output.services["vm:100"] == "started on pve1" && output.services["vm:101"] == "started on pve2" && contains(["started on pve1", "started on pve2"], output.services["vm:102"])
    error_message = "All run. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

# Nothing fails. This is the state that the other drills begin with: every HA resource runs where it was, all votes are
# there, one node is the master, and nothing is reported as a problem.
#
# The HA manager works in rounds of 10 seconds. It takes up a new HA resource in one, and starts it in the next one or two.

variables {
  guests = {
    "vm:100" = {}
    "vm:101" = {}
    "vm:102" = { state = "stopped" }
    "ct:950" = {}
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

run "after_60_seconds" {
  module {
    source = "./step"
  }
  variables {
    seconds = 60
  }

  assert {
    condition     = output.services == { "vm:100" = "started on pve1", "vm:101" = "started on pve2", "vm:102" = "stopped on pve3", "ct:950" = "started on pve1" }
    error_message = "An HA resource is not as requested. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.quorate && output.votes == "3 of 2"
    error_message = "The votes: ${output.votes}"
  }

  assert {
    condition     = output.nodes == { pve1 = "online", pve2 = "online", pve3 = "online" } && output.master == "pve1"
    error_message = "master ${output.master}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = length(output.problems) == 0
    error_message = join("\n", output.problems)
  }
}

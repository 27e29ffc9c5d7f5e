# What happens to HA resources that are not to run: `stopped` ones move with the node's others and stay stopped,
# `disabled` ones are left on the dead node, and HA does not touch `ignored` ones.

variables {
  guests = {
    "vm:100" = { max_relocate = 0 }
    "vm:103" = { max_restart = 0, max_relocate = 2 }
    "vm:900" = { state = "disabled", max_restart = 0 }
    "vm:901" = { state = "ignored" }
    "vm:903" = { state = "stopped", failback = false }
  }
  node_affinity_rules = {
    rule-1 = { resources = ["vm:900"], nodes = { pve3 = 5 } }
    rule-2 = { resources = ["vm:103", "vm:901"], nodes = { pve1 = 9, pve2 = 5 } }
    rule-3 = { resources = ["vm:100"], nodes = { pve3 = 1 }, strict = true }
    rule-4 = { resources = ["vm:100", "vm:903"], nodes = { pve2 = 1 }, disabled = true }
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
    condition     = output.services["vm:100"] == "started on pve3" && output.services["vm:103"] == "started on pve1"
    error_message = "Before the failure. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "after_230_seconds" {
  module {
    source = "./step"
  }
  variables {
    events  = ["fail pve1"]
    seconds = 230
  }

  assert {
    condition     = output.nodes["pve1"] == "unknown"
    error_message = "The node was fenced. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = output.services["vm:100"] == "started on pve3" && output.services["vm:103"] == "started on pve2" && output.services["vm:901"] == "ignored on pve2" && output.services["vm:903"] == "stopped on pve2"
    error_message = "They are where they are to be. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = endswith(output.services["vm:900"], " on pve1")
    error_message = "The disabled one is left: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

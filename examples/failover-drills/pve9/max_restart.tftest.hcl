# A guest does not start. The LRM of its node tries it again as often as `max_restart`; with `max_relocate = 0` it ends in
# the state `error` then, and no node tries it again. HA does not recover it, even if its node fails. Only the requested
# state `disabled` clears the state.

variables {
  guests = { "vm:101" = { max_restart = 2, max_relocate = 0 } }
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

run "after_3_minutes" {
  module {
    source = "./step"
  }
  variables {
    seconds = 180
  }

  assert {
    condition     = output.services["vm:101"] == "error on pve2"
    error_message = "It was tried three times. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }

  assert {
    condition     = length(output.problems) > 0
    error_message = "pve_ha_status reports it."
  }
}

run "cured" {
  module {
    source = "./step"
  }
  variables {
    events  = ["guest cure 101"]
    seconds = 300
  }

  assert {
    condition     = output.services["vm:101"] == "error on pve2"
    error_message = "It is not tried again. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "disabled" {
  variables {
    guests = { "vm:101" = { state = "disabled", max_restart = 2, max_relocate = 0 } }
  }
}

run "after_disable" {
  module {
    source = "./step"
  }
  variables {
    seconds = 60
  }

  assert {
    condition     = output.services["vm:101"] == "stopped on pve2" || output.services["vm:101"] == "disabled on pve2"
    error_message = "The error is cleared. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "started" {
  variables {
    guests = { "vm:101" = { max_restart = 2, max_relocate = 0 } }
  }
}

run "after_enable" {
  module {
    source = "./step"
  }
  variables {
    seconds = 60
  }

  assert {
    condition     = output.services["vm:101"] == "started on pve2"
    error_message = "It runs. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

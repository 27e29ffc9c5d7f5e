# A cluster of two nodes loses its QDevice: it goes on with two of three votes. Nothing moves, but it survives no further
# failure: when a node fails as well, quorum is lost.

variables {
  guests = {
    "vm:100" = {}
    "vm:101" = {}
  }
}

run "new_cluster" {
  module {
    source = "./step"
  }
  variables {
    events = ["clock virtual", "seed --nodes 2", "qdevice on"]
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
    condition     = output.votes == "3 of 2"
    error_message = "The votes: ${output.votes}"
  }
}

run "without_qdevice" {
  module {
    source = "./step"
  }
  variables {
    events  = ["machine 10.0.0.100 --stop corosync-qnetd"]
    seconds = 300
  }

  assert {
    condition     = output.quorate && output.votes == "2 of 2"
    error_message = "The votes: ${output.votes}"
  }

  assert {
    condition     = output.services == { "vm:100" = "started on pve1", "vm:101" = "started on pve2" }
    error_message = "Nothing moves. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "node_crash_as_well" {
  module {
    source = "./step"
  }
  variables {
    events  = ["fail pve2"]
    seconds = 600
  }

  assert {
    condition     = !output.quorate && output.votes == "1 of 2"
    error_message = "The votes: ${output.votes}"
  }

  assert {
    condition     = output.services["vm:101"] == "started on pve2"
    error_message = "Nothing is recovered. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

run "qdevice_is_back" {
  module {
    source = "./step"
  }
  variables {
    events  = ["machine 10.0.0.100 --start corosync-qnetd"]
    seconds = 300
  }

  assert {
    condition     = output.quorate && output.votes == "2 of 2"
    error_message = "The votes: ${output.votes}"
  }

  assert {
    condition     = output.services == { "vm:100" = "started on pve1", "vm:101" = "started on pve1" }
    error_message = "With its vote the rest recovers. Found: ${jsonencode(output.services)}, nodes ${jsonencode(output.nodes)}"
  }
}

# PVE 9: one rule, no group.

mock_provider "pve" {
  mock_data "pve_version" {
    defaults = { version = "9.2.11", release = "9.2", major = 9 }
  }
}

variables {
  name    = "web"
  guests  = { web1 = { id = 100, node = "pve1" }, proxy = { type = "lxc", id = 950, node = "pve2" } }
  nodes   = ["pve[1-2]:2", "pve3"]
  cluster = { nodes = ["pve1", "pve2", "pve3"] }
}

run "a_rule_binds_the_guests" {
  assert {
    condition     = length(pve_ha_group.this) == 0 && pve_ha_resource.this["web1"].group == null
    error_message = "PVE 9 has no groups"
  }
  assert {
    condition     = pve_ha_node_affinity_rule.this[0].resources == toset(["vm:100", "ct:950"])
    error_message = "the rule has other resources"
  }
  assert {
    condition     = pve_ha_node_affinity_rule.this[0].nodes == tomap({ pve1 = 2, pve2 = 2, pve3 = 0 })
    error_message = "the rule has other nodes"
  }
}

run "the_failure_of_a_node" {
  command = plan

  assert {
    condition     = output.quorum.tolerated_node_failures == 1
    error_message = "three nodes tolerate one failure"
  }
  assert {
    condition     = output.after_failure.pve1 == { "vm:100" = "pve2", "ct:950" = "pve2" }
    error_message = "pve2 has the highest priority of those that are left"
  }
}

run "no_node_is_left" {
  command = plan

  variables {
    nodes  = ["pve1"]
    strict = true
  }

  assert {
    condition     = output.after_failure.pve1["vm:100"] == null
    error_message = "a strict rule for one node leaves no other"
  }
  assert {
    condition     = output.lost.pve1["vm:100"] == "rule 'web' allows only pve1, and none of them is online"
    error_message = "the reason is another one"
  }
}

run "a_vmid_that_no_guest_has" {
  command = plan

  variables {
    guests = { web1 = { id = 99, node = "pve1" } }
  }

  expect_failures = [var.guests]
}

data "pve_quorum" "this" {}

# Warns in every plan as long as one more failed node would stop the cluster.
check "survives_a_node_failure" {
  assert {
    condition     = coalesce(data.pve_quorum.this.tolerated_node_failures, 0) >= 1
    error_message = "No further node may fail: the cluster would lose quorum."
  }
}

output "quorum" {
  description = "The votes, and how many nodes may fail."
  value = {
    votes     = "${data.pve_quorum.this.total_votes} of ${data.pve_quorum.this.expected_votes}"
    tolerates = data.pve_quorum.this.tolerated_node_failures
  }
}

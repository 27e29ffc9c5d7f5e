terraform {
  required_version = ">= 1.8"
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

# { pve1 = 2, pve2 = 2, pve3 = 1, backup = 0 }
output "nodes" {
  value = provider::pve::expand_nodes("pve[1-2]:2", "pve3:1", "backup")
}

# A list is passed with three dots behind it.
variable "nodes" {
  description = "Where the web servers run: names of nodes with their priorities, the higher the better."
  type        = list(string)
  default     = ["pve1:2", "pve2"]
}

output "nodes_of_a_variable" {
  value = provider::pve::expand_nodes(var.nodes...)
}

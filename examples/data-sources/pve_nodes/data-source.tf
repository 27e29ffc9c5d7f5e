data "pve_nodes" "online" {
  online = true
}

output "online_nodes" {
  value = data.pve_nodes.online.names
}

output "memory" {
  value = { for node in data.pve_nodes.online.nodes : node.name => node.memory }
}

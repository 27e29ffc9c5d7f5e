data "pve_cluster_join_info" "this" {}

output "corosync_addresses" {
  value = {
    for node in data.pve_cluster_join_info.this.nodes :
    node.name => [for link in node.addresses : link.address]
  }
}

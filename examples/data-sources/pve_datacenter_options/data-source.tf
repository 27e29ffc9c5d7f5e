data "pve_datacenter_options" "this" {}

output "shutdown_policy" {
  value = try(data.pve_datacenter_options.this.ha.shutdown_policy, "conditional")
}

# The watchdog of the mainboard instead of the kernel's; in use after the next reboot of the node.
resource "pve_node_watchdog" "pve1" {
  node   = "pve1"
  module = "ipmi_watchdog"
}

output "reboot_required" {
  value = pve_node_watchdog.pve1.reboot_required
}

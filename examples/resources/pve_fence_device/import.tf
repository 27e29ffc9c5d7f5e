import {
  to = pve_fence_device.ipmi
  id = "ipmi"
}

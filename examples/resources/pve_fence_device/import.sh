terraform import pve_fence_device.ipmi ipmi

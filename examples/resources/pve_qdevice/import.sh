terraform import pve_qdevice.this 10.0.0.100

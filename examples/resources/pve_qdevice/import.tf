import {
  to = pve_qdevice.this
  id = "10.0.0.100"
}

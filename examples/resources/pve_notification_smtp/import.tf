import {
  to = pve_notification_smtp.relay
  id = "relay"
}

import {
  to = pve_notification_gotify.phone
  id = "phone"
}

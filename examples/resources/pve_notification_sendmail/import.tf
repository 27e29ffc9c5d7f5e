import {
  to = pve_notification_sendmail.operators
  id = "operators"
}

import {
  to = pve_notification_matcher.alerts
  id = "alerts"
}

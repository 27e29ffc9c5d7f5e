# Fencing and failed replication, at every hour.
resource "pve_notification_matcher" "alerts" {
  name    = "alerts"
  targets = [pve_notification_sendmail.operators.name]

  fields = {
    type = ["fencing", "replication"]
  }
}

# Everything else that is more than information, in working hours.
resource "pve_notification_matcher" "working_hours" {
  name       = "working-hours"
  targets    = [pve_notification_sendmail.operators.name]
  severities = ["warning", "error", "unknown"]
  calendar   = ["mon..fri 8-17"]
}

resource "pve_notification_sendmail" "operators" {
  name   = "operators"
  mailto = ["operators@example.com"]

  # The target can be renamed while matchers refer to it: they are changed first.
  lifecycle {
    create_before_destroy = true
  }
}

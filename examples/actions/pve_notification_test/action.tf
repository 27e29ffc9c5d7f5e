# Runs by `terraform apply -invoke=action.pve_notification_test.mail`, and after each change of the target.
action "pve_notification_test" "mail" {
  config {
    target  = "mail-to-root"
    timeout = "30s"
  }
}

resource "pve_notification_sendmail" "root" {
  name   = "mail-to-root"
  mailto = ["ops@example.com"]

  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.pve_notification_test.mail]
    }
  }
}

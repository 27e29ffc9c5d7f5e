resource "pve_notification_sendmail" "operators" {
  name         = "operators"
  mailto       = ["operators@example.com"]
  mailto_user  = ["root@pam"]
  from_address = "pve@example.com"
  comment      = "Needs Postfix on every node"
}

# Built in: a destroy resets it.
resource "pve_notification_sendmail" "root" {
  name        = "mail-to-root"
  mailto_user = ["root@pam"]
  disabled    = true
}

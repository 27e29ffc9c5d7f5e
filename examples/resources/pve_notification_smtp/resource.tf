variable "smtp_password" {
  type      = string
  ephemeral = true
}

resource "pve_notification_smtp" "relay" {
  name         = "relay"
  server       = "mail.example.com"
  mode         = "starttls"
  username     = "pve"
  mailto       = ["operators@example.com"]
  from_address = "pve@example.com"

  # In no plan and no state. Terraform before 1.11: password.
  password_wo         = var.smtp_password
  password_wo_version = 1
}

variable "gotify_token" {
  type      = string
  ephemeral = true
}

resource "pve_notification_gotify" "phone" {
  name   = "phone"
  server = "https://gotify.example.com"

  # In no plan and no state. Terraform before 1.11: token.
  token_wo         = var.gotify_token
  token_wo_version = 1
}

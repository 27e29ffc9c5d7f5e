variable "chat_token" {
  type      = string
  ephemeral = true
}

resource "pve_notification_webhook" "chat" {
  name   = "chat"
  url    = "https://chat.example.com/hooks/alerts"
  method = "post"

  headers = {
    Content-Type  = "application/json"
    Authorization = "Bearer {{ secrets.token }}"
  }

  body = <<-EOT
    {"text": "{{ escape title }}\n{{ escape message }}", "severity": "{{ severity }}"}
  EOT

  # In no plan and no state. Terraform before 1.11: secrets.
  secrets_wo = {
    token = var.chat_token
  }
  secrets_wo_version = 1
}

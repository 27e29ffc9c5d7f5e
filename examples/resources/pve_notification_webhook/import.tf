import {
  to = pve_notification_webhook.chat
  id = "chat"
}

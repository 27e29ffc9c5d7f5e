terraform {
  required_providers {
    pve = {
      source = "pve-ha/pve"
    }
  }
}

# The API token comes from PROXMOX_VE_API_TOKEN.
provider "pve" {
  endpoint           = "https://pve1.example.com:8006"
  fallback_endpoints = ["https://pve2.example.com:8006", "https://pve3.example.com:8006"]
  ca_certificate     = "/etc/ssl/pve-root-ca.pem"
}

endpoint = "https://pve1.paris.example.com:8006"
guests   = ["vm:100"]

endpoint = "https://pve1.berlin.example.com:8006"
guests   = ["vm:100", "ct:200"]

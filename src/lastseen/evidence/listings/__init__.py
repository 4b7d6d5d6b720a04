"""Captures as text: what tshark and tcpdump print of packets, made into captures again."""

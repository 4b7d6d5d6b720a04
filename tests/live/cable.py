"""A cable in user space that pads frames to 60 bytes, as every Ethernet card does and a veth never: cable.py A B."""

import select
import socket
import sys

SHORTEST_FRAME = 60
OUTGOING = 4  # include/uapi/linux/if_packet.h: PACKET_OUTGOING

ends = []
for name in sys.argv[1:3]:
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    end.bind((name, 0))
    ends.append(end)
print("ready", flush=True)
while True:
    for end in select.select(ends, [], [])[0]:
        frame, address = end.recvfrom(65_600)
        if address[2] != OUTGOING:
            ends[ends[0] is end].send(frame.ljust(SHORTEST_FRAME, b"\0"))

"""A guest's side of a tap: what the host sends into the tap is read at a limited pace and put on a cable to the guest.

Makes the tap on the node it is started on (Documentation/networking/tuntap.rst), then enters the namespace of the
cable, so that the host has nothing but the tap. What is not read in time the kernel drops and counts at the tap.
Prints "ready" once it relays.
"""

import argparse
import ctypes
import fcntl
import os
import select
import socket
import struct
import time

__all__ = ["main"]

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
"""include/uapi/linux/if_tun.h"""
CLONE_NEWNET = 0x4000_0000
ETH_P_ALL = 0x0003
LARGEST = 65_600
_OUTGOING = 4  # include/uapi/linux/if_packet.h: PACKET_OUTGOING


def main() -> None:
    """Relay until killed."""
    options = _options()
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", options.tap.encode(), IFF_TAP | IFF_NO_PI))
    with open(options.namespace, "rb") as there:  # noqa: PTH123 - a program of its own
        if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    cable = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    cable.bind((options.cable, ETH_P_ALL))
    print("ready", flush=True)
    while True:
        for end in select.select([tap, cable.fileno()], [], [])[0]:
            if end == tap:
                cable.send(os.read(tap, LARGEST))
                time.sleep(1 / options.rate if options.rate else 0)
            else:
                frame, address = cable.recvfrom(LARGEST)
                if address[2] != _OUTGOING:
                    os.write(tap, frame)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("tap")
    parser.add_argument("namespace", help="the network namespace of the cable, as a file")
    parser.add_argument("cable")
    parser.add_argument("--rate", type=float, default=0.0, help="packets read from the tap a second; 0: all")
    return parser.parse_args()


if __name__ == "__main__":
    main()

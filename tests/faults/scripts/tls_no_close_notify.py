"""TLS connections that end without an alert and nobody minds, or in the middle of a record."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case

ORIGIN = "Written: tests/faults/scripts/tls_no_close_notify.py; "
PYTHON = "ssl.SSLEOFError: [SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol (_ssl.c:2633)\n"


def record(kind: int, size: int) -> bytes:
    """A TLS record as it looks from outside."""
    return bytes((kind, 3, 3)) + size.to_bytes(2, "big") + bytes(i * 11 % 251 for i in range(size))


def talk(*answer: bytes, timestamps: bool = True, client_closes: bool = False) -> Talk:
    """A handshake, a request, an answer in these segments, and a close."""
    made = Talk(timestamps=timestamps)
    made.opening()
    made.send(2, "PA", client=True, data=record(22, 300))
    made.send(3, "PA", data=record(22, 120) + record(23, 700))
    made.send(4, "PA", client=True, data=record(23, 60) + record(23, 90))
    for part, data in enumerate(answer):
        made.send(5 + part, "PA", data=data)
        made.send(5.5 + part, "A", client=True)
    if client_closes:
        made.send(19, "FA", client=True)
    made.send(20, "FA")
    made.send(21, "FA" if not client_closes else "A", client=True)
    made.send(22, "A")
    return made


def write(folder: Path) -> None:
    write_case(
        folder / "near_miss" / "written_nobody_complains",
        {
            "tap.pcap": seen([talk(record(23, 900))], View()),
            "ORIGIN.md": ORIGIN
            + "the server sends no close_notify, and the client ends with the length it was told.\n",
        },
    )
    write_case(
        folder / "near_miss" / "written_broken_off",
        {
            "tap.pcap": seen([talk(record(23, 4000)[:1400], record(23, 4000)[1400:2000])], View()),
            "client_stderr.txt": "Traceback (most recent call last):\n" + PYTHON,
            "ORIGIN.md": ORIGIN
            + "the server dies in the middle of its answer: the data was really cut off.\n",
        },
    )

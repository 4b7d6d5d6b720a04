"""Small and large answers in turn, the large ones in fragments, and a connection beside them."""

import packet_writer as w
from written_cases import Sent, Talk


def answers(*, fragments: bool = True) -> Talk:
    """Small and large answers in turn; the large ones in fragments, or all of them small."""
    talk = Talk()
    for number in range(8):
        query = w.udp(5300 + number, 53, bytes([number]) * 40)
        talk.raw(
            100 * number, w.ipv4("10.0.0.5", "192.0.2.53", query, identification=300 + number), client=True
        )
        size = 2400 if number % 2 and fragments else 300
        answer = w.udp(53, 5300 + number, bytes([number]) * size)
        if number % 2 and fragments:
            for part in w.ipv4_fragments(
                "192.0.2.53", "10.0.0.5", answer, size=1480, identification=900 + number
            ):
                talk.raw(100 * number + 1, part)
        else:
            talk.raw(100 * number + 1, w.ipv4("192.0.2.53", "10.0.0.5", answer, identification=900 + number))
    return talk


def beside() -> Talk:
    """A connection that shows that the captures have no filter."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.exchange(100, segments=1)
    talk.exchange(900, segments=1)
    return talk


def is_fragment(sent: Sent) -> bool:
    """A part of an answer: more fragments follow, or it has an offset."""
    return sent.packet[9] == 17 and sent.from_server and bool(sent.packet[6] & 0x3F or sent.packet[7])

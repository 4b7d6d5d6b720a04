"""What programs say of a connection in their own words, whichever log or terminal it stands in.

A TLS library that meets the end of the stream without the peer's close_notify says so to the program, and the program
prints it. Sources: OpenSSL's ssl/record (1.1.1e and 3.0 on: SSL_R_UNEXPECTED_EOF_WHILE_READING), Python's
Modules/_ssl.c, GnuTLS' lib/errors.c (GNUTLS_E_PREMATURE_TERMINATION), rustls' error texts, OpenJDK's SSLSocketImpl
and netty's engine, curl's lib/vtls/schannel.c.
"""

import re
from typing import Final

__all__ = ["TLS_CUT_OFF", "about"]

TLS_CUT_OFF: Final = "tls_cut_off"
"""Topic: the stream ended without the peer's close_notify."""
_TOPICS: Final = (
    (
        TLS_CUT_OFF,
        re.compile(
            r"SSL routines:[\w ]{0,40}:unexpected eof while reading"
            r"|EOF occurred in violation of protocol"
            r"|The TLS connection was non-properly terminated"
            r"|peer closed connection without sending TLS close_notify"
            r"|losing inbound before receiving peer's close_notify"
            r"|nbound closed before receiving peer's close_notify"
            r"|server closed abruptly \(missing close_notify\)"
        ),
    ),
)


def about(text: str) -> tuple[str, str]:
    """(topic, the words that told); ("", "") where nothing in the text is known."""
    for topic, pattern in _TOPICS:
        if found := pattern.search(text):
            return topic, found[0]
    return "", ""

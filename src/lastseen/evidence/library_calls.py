"""What only a trace of library calls (ltrace) looks like: names and forms that no trace of system calls has."""

import re
from typing import Final

__all__ = ["LIBRARY_CALL"]

LIBRARY_CALL: Final = re.compile(
    r"(?:^|[\s>])(?:SYS_\w{1,40}|str(?:len|cmp|ncmp|chr|cpy|dup|casecmp|toul|error)|mem(?:cpy|set|cmp|move)|malloc|calloc"
    r"|realloc|free|f?printf|s?nprintf|puts|getenv|hton[sl]|ntoh[sl]|inet_(?:ntop|addr|pton(?!\(AF_))|getaddrinfo|freeaddrinfo"
    r"|gethostbyname|__libc_start_main|__errno_location|__\w{3,30}_chk|SSL_\w{2,40}|gnutls_\w{2,40}|PR_\w{2,20})\("
    r"|\+\+\+ exited \(status \d"
    r"|\bpoll\(0x[0-9a-f]{1,16}, \d{1,9}, [^,]{1,20}, |\brecv\(\d{1,9}, 0x[0-9a-f]{1,16}, "
    r"|\)\s{1,80}= (?:-1|0xffffffff)(?: <|$)"
)
"""Functions of libraries; ltrace's end of a process; pointers where strace shows what they point at, an error without
its name. `inet_pton(AF_INET6, ...)` is how strace writes an IPv6 address; ltrace shows the family's number."""

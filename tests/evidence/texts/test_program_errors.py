"""What programs print when a TLS stream ends without the peer's word."""

from reading import recognised, rows, sample

from lastseen.evidence.texts import curl_verbose, epoch_log
from lastseen.evidence.texts import program_errors as reader
from lastseen.tables.facts_from_texts import LogLine

CUT_OFF = "tls_cut_off"


def test_each_library_has_its_own_words() -> None:
    """Python, GnuTLS, nginx, rustls, Java, netty, PHP; the lines around them are no rows."""
    found = [
        row for row in rows(reader, sample("program_errors/several_written")) if isinstance(row, LogLine)
    ]
    assert [row.source.line for row in found] == [4, 5, 6, 7, 8, 9, 11]
    assert {row.topic for row in found} == {CUT_OFF}
    assert (found[0].reason, found[0].at_ns, found[0].clock) == (
        "EOF occurred in violation of protocol", None, "",
    )  # fmt: skip


def test_openssl_may_name_the_function() -> None:
    (found,) = rows(reader, sample("program_errors/openssl_s_client"))
    assert isinstance(found, LogLine)
    assert found.topic == CUT_OFF


def test_texts_of_other_readers_are_left_to_them() -> None:
    """curl's own output, traces of system calls, logs with epoch times; and what says nothing known."""
    said = "error:0A000126:SSL routines::unexpected eof while reading"
    for text in (
        f"curl: (56) OpenSSL SSL_read: {said}, errno 0\n",
        f"* Trying 192.0.2.1:443...\n* {said}\n",
        f'write(2, "{said}", 57) = 57\n{said}\n',
        f'{{"MESSAGE": "{said}"}}\n',
        f"1795385080.277 {said}\n",
        "Warning: something else\n",
    ):
        assert not recognised(reader, text)


def test_logs_with_times_know_the_sentence_too() -> None:
    (found,) = rows(epoch_log, "1795385080.277 The TLS connection was non-properly terminated.\n")
    assert isinstance(found, LogLine)
    assert (found.topic, found.at_ns) == (CUT_OFF, 1795385080277000000)


def test_the_closing_line_of_curl_is_one_as_well() -> None:
    """Beside the transfer it ends."""
    text = "curl: (56) OpenSSL SSL_read: error:0A000126:SSL routines::unexpected eof while reading, errno 0\n"
    found = [row for row in rows(curl_verbose, text) if isinstance(row, LogLine)]
    assert [row.topic for row in found] == [CUT_OFF]
    assert not [
        row for row in rows(curl_verbose, "curl: (28) Timeout was reached\n") if isinstance(row, LogLine)
    ]

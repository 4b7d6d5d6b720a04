"""Captures into packet and flow tables."""

from lastseen.evidence.captures.bytes_of import ByteSource, open_bytes
from lastseen.evidence.captures.reading import RowSink, is_capture, read_capture

__all__ = ["ByteSource", "RowSink", "is_capture", "open_bytes", "read_capture"]

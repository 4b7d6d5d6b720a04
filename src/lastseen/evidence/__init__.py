"""Bytes and text into tables: the only code that opens a user's file."""

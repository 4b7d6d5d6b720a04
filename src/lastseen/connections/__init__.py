"""Packets to connections: who opened, who closed, what is missing, and who kept whom waiting.

Facts in, facts out: nothing here opens a file or reads a clock.
"""

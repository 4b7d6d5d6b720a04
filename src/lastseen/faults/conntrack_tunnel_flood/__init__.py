"""Outer flows of tunnels fill the connection table."""

"""Hosts and what is changed on them: commands run here or over ssh, the journal, and how every change is undone.

`live` and `remedies` both change hosts and never import each other, so the one place where a change is written down
before it is made lies below them. Nothing else in lastseen changes a host.
"""

"""What was found, for people and for programs: the terminal text and the JSON contracts.

Everything that came from a host is printed as data: no markup, no control characters.
"""

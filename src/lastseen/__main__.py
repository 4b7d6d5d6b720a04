"""`python -m lastseen`: the program, where its script is not on the path."""

from lastseen.cli.main import main

__all__ = []

main()

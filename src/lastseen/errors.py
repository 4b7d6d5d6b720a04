"""The one exception users meet: a mistake they can correct, said in one line.

Bad evidence is never an exception (it is a `Weird` row) and missing evidence is a value
(`Untestable`), so nothing else needs a class of its own.
"""

__all__ = ["LastseenError"]


class LastseenError(Exception):
    """A mistake the user can mend: what was expected, what was found, what to do. Exit status 2."""

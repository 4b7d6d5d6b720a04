"""The fault `ecmp_bad_member`: one of several paths is dead."""

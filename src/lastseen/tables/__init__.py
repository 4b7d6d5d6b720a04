"""The vocabulary every stage shares: one file a table, each column with dtype, unit and meaning.

Packet tables are NumPy arrays (millions of rows); what texts say is a list of small frozen rows, each of
which knows the file and line it came from.
"""

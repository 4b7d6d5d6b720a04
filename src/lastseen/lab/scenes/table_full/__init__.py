"""The scene `table_full`."""

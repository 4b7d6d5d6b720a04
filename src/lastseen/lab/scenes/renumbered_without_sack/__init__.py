"""The scene `renumbered_without_sack`."""

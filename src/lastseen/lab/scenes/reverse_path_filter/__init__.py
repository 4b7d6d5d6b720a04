"""The scene `reverse_path_filter`."""

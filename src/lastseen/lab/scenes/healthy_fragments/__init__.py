"""The scene `healthy_fragments`."""

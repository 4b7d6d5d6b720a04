"""The scene `healthy_crowd`."""

"""The scene `healthy_datagrams`."""

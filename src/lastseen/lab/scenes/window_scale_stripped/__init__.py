"""The scene `window_scale_stripped`."""

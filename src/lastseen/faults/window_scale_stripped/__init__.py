"""The fault `window_scale_stripped`: the window scale option is removed on the way."""

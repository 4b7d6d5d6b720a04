"""short frames padded on the wire, nothing wrong."""

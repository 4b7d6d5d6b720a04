"""No translated port is free for one destination."""

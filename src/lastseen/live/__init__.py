"""Evidence from living hosts: the path of an endpoint, captures and texts around a request, and the case they make."""

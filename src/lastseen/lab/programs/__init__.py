"""What runs inside a lab as a process of its own: servers, clients, a wire. Each is one file of standard library."""

"""The HTTP API: a route parses, calls one service, encodes."""

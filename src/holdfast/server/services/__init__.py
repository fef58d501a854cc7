"""What the server does with the record; a route or a page calls one of these."""

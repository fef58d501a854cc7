"""The endpoint clients, one per resource."""

"""Settled spans in a store of their own beside the catalogue."""

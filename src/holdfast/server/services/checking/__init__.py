"""Schemas and summaries, after the commit."""

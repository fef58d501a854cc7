"""Runs sent on to whoever speaks OTLP."""

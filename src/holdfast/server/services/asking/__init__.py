"""Questions that runs ask, and their answers."""

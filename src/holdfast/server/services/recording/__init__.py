"""What arrives: decoded, applied, counted and committed."""

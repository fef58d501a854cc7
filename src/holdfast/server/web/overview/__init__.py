"""The first page: what is running, what failed, what it costs, what changed."""

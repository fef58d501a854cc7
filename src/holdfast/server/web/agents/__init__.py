"""The agents: who runs, how well, at what cost, and what changed from version to version."""

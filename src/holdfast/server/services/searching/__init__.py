"""Full text: indexing after the commit, and asking."""

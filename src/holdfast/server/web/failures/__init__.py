"""What failed: groups of failures that are alike."""

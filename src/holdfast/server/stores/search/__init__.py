"""What full-text search keeps."""

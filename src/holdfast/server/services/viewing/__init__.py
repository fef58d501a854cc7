"""What pages show, worked out of what is stored."""

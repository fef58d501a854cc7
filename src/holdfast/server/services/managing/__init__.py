"""What is managed besides runs."""

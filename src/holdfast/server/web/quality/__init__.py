"""What is thought of the runs: scores from people and programs, quality from the agents themselves."""

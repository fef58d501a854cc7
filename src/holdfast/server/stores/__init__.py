"""Where the record lives. Database drivers appear here and nowhere else."""

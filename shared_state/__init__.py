"""What workers and machines share while they run, through Redis; see link.py. It has no tables."""

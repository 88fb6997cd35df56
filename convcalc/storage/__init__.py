"""Arrays in files that may be hostile, and how much memory there is."""

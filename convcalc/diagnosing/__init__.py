"""Why somebody else's output differs: every known mistake as a reading of the data."""

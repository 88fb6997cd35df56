"""Why somebody else's output differs."""

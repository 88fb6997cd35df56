"""One file per question, each one walk over the graph."""

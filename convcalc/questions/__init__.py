"""One file a question, each one walk over the graph."""

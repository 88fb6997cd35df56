"""The one model: primitives at their places."""

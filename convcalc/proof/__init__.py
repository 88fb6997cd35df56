"""Predictions against what really happens."""

"""How every number comes about."""

"""Networks written in TOML become graphs."""

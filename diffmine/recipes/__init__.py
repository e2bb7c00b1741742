"""From TOML to configured components."""

"""Networks with a name: a module per family, and a TOML per network that names its factory and bundled weights."""

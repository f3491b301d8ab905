"""Lab 12, one release in five registries: its parameters and checks."""

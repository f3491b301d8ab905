"""Lab 11, several platforms: its parameters and checks."""

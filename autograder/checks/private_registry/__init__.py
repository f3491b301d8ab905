"""Lab 05, a registry of one's own: its parameters and checks."""

"""Lab 04, tags: its parameters and checks."""

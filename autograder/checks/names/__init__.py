"""Lab 02, image references: its parameters and checks."""

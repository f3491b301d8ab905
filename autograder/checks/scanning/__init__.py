"""Lab 09, scanning: its parameters and checks."""

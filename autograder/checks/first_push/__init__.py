"""Lab 01, the first push: its parameters and checks."""

"""Lab 03, Docker Hub: its parameters and checks."""

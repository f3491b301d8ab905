"""Lab 10, pipelines: its parameters and checks."""

"""Lab 08, what is kept and what is cleaned up: its parameters and checks."""

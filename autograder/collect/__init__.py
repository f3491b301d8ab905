"""Live services and files become Evidence."""

"""Lab 07, Artifact Registry and ACR: its parameters and checks."""

"""Lab 06, Amazon ECR: its parameters and checks."""

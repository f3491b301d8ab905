"""GitHub Actions' own language: contexts, expressions, triggers, steps."""

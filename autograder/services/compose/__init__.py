"""Compose files of a registry: read with care, judged against a whitelist, and run through the docker SDK."""

"""Scanning that is the same for everyone: the course's advisory database, Trivy, rescans, SBOMs, the gate."""

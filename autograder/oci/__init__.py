"""The OCI specifications in code: manifests, layers, and one client of the distribution API."""

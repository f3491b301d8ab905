"""What the four emulators share of a registry: blobs, tokens, the proxy before registry:2."""

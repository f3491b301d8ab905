"""Pure knowledge: references, digests, manifests, tags, retention and access policies. No I/O, no clock."""

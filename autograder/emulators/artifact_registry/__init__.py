"""The emulator of Google's Artifact Registry."""

"""The emulator of Docker Hub."""

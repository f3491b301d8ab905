"""The emulator of Azure Container Registry."""

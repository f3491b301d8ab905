"""The emulators of Docker Hub, ECR, Artifact Registry and ACR: thin policy backends over one real registry."""

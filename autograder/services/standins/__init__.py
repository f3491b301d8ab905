"""The look-alikes of Docker Hub, ECR, Artifact Registry and ACR: thin policy fronts over one real registry."""

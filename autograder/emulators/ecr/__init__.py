"""The ECR emulator: moto answers AWS's API, a real registry keeps what is pushed, and both tell the same story."""

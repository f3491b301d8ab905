"""What the labs' checks share: no lab of its own."""

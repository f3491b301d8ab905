"""Benchmarks that ``course bench`` runs; each module has ``run()``, which returns one row a measurement."""

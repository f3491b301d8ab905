"""What maintainers use: the content contract, the sample class and the benchmarks' entry points."""

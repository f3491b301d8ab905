"""The course kit: labs on real registries, and an autograder that judges the state a student produced."""

__version__ = "0.2.0.dev0"

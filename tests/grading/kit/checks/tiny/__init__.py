"""A lab of the tests."""

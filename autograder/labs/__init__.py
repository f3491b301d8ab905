"""The labs as data: their manifest, personal parameters, and a student's progress."""

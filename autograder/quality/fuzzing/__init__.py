"""Fuzzing of every parser that reads what a student, a platform or a stranger wrote, from zip to page.

:mod:`targets` lists the parsers, :mod:`mutation` changes honest inputs, :mod:`child` runs one target within limits, and
:mod:`run` watches it: ``python3 course.py test --fuzz MINUTES``.
"""

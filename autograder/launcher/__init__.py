"""The launcher behind ``course.py``: makes and keeps the environment, then hands over. Standard library only."""

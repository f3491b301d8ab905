"""Hidden cases of the artificial lab."""

from autograder.evidence.model import Case

SECRET = 7_000_000


def cases(draw, parameters):
    numbers = [SECRET + draw.integer(f"n{n}", 1, 999_999) for n in range(5)]
    return {"double": [Case(kind="a large number", args=(n,), expected=2 * n) for n in numbers]}

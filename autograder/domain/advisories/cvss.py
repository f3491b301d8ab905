"""CVSS 3.0 and 3.1: the base score of a vector, and the severity that a score stands for.

Source: https://www.first.org/cvss/v3-1/specification-document, sections 5, 7.1, 7.4 and appendix A (rounding).
"""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """Qualitative severity. UNKNOWN is what has no score: printed and counted, never graded."""

    UNKNOWN = "UNKNOWN"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"

    @property
    def rank(self) -> int:
        """0 (UNKNOWN) to 4 (CRITICAL), the numbers that Trivy's database uses."""
        return list(Severity).index(self)


# Section 7.4, "Metric Values". PR depends on the scope: (unchanged, changed).
VALUES: dict[str, dict[str, float]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
PRIVILEGES = {"N": (0.85, 0.85), "L": (0.62, 0.68), "H": (0.27, 0.5)}
METRICS = ("AV", "AC", "PR", "UI", "S", "C", "I", "A")


def metrics(vector: str) -> dict[str, str]:
    """The base metrics of a vector such as ``CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H``.

    Raises:
        ValueError: another version, or not exactly the eight base metrics with known values.
    """
    version, _, rest = vector.partition("/")
    if version not in ("CVSS:3.0", "CVSS:3.1"):
        raise ValueError(f"{vector!r} is no CVSS 3.0 or 3.1 vector")
    pairs = [part.partition(":") for part in rest.split("/")]
    found = {name: value for name, _, value in pairs}
    if len(pairs) != len(METRICS) or set(found) != set(METRICS):
        raise ValueError(f"{vector!r} does not have exactly the base metrics {', '.join(METRICS)}")
    known = {name: set(values) for name, values in VALUES.items()} | {"PR": set(PRIVILEGES), "S": {"U", "C"}}
    for name, value in found.items():
        if value not in known[name]:
            raise ValueError(f"{vector!r}: {name} has the unknown value {value!r}")
    return found


def base_score(vector: str) -> float:
    """The base score, 0.0 to 10.0 (section 7.1).

    Raises:
        ValueError: as :func:`metrics`.
    """
    m = metrics(vector)
    changed = m["S"] == "C"
    unaffected = 1.0
    for name in ("C", "I", "A"):
        unaffected *= 1 - VALUES[name][m[name]]
    iss = 1 - unaffected
    impact = 7.52 * (iss - 0.029) - 3.25 * (iss - 0.02) ** 15 if changed else 6.42 * iss
    if impact <= 0:
        return 0.0
    ease = 8.22 * VALUES["AV"][m["AV"]] * VALUES["AC"][m["AC"]] * PRIVILEGES[m["PR"]][changed] * VALUES["UI"][m["UI"]]
    return _round_up(min((impact + ease) * (1.08 if changed else 1), 10))


def _round_up(value: float) -> float:
    """Up to one decimal, on integers, so that 4.02 from floating-point noise does not become 4.1 (appendix A)."""
    whole = round(value * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10


def severity(vector: str | None) -> Severity:
    """The severity of a vector's base score (section 5); UNKNOWN without a vector."""
    if not vector:
        return Severity.UNKNOWN
    score = base_score(vector)
    for least, name in ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW)):
        if score >= least:
            return name
    return Severity.UNKNOWN

"""Unpack the pinned wheels into a folder. Pure-Python wheels need no more: no pip, no network.

Source: https://packaging.python.org/en/latest/specifications/binary-distribution-format/#installing-a-wheel-distribution-1-0-py32-none-any-whl
"""

import re
import sys
import zipfile
from pathlib import Path


def plain(name: str) -> str:
    """A distribution's name as wheels spell it in their file name, lower case."""
    return re.sub(r"[-_.]+", "_", name).lower()


def main(requirements: str, wheels: str, target: str) -> int:
    """Install what each line NAME==VERSION pins; 1 when a wheel is not there or not pure Python."""
    have = {}
    for file in sorted(Path(wheels).glob("*.whl")):
        name, version = file.name.split("-")[:2]
        have[plain(name), version] = file
    for line in Path(requirements).read_text(encoding="utf-8").splitlines():
        pin = line.partition("#")[0].strip()
        if not pin:
            continue
        name, _, version = (part.strip() for part in pin.partition("=="))
        file = have.get((plain(name), version))
        if file is None:
            there = ", ".join(v for n, v in have if n == plain(name)) or "none"
            print(f"no wheel of {name} {version}; there is: {there}", file=sys.stderr)
            return 1
        if not file.name.endswith("-none-any.whl"):
            print(f"{file.name} is not pure Python", file=sys.stderr)
            return 1
        with zipfile.ZipFile(file) as archive:
            archive.extractall(target)
        print(f"installed {name} {version}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Writes the two files that your team left you, with your team's names in them, where they are not there yet."""

from pathlib import Path

HERE = Path(__file__).resolve().parent


def inherit(me):
    """Write github-build.yml and gitlab-ci.yml beside the notebook; your own versions are never touched."""
    for template in sorted((HERE / "inherited").glob("*.yml")):
        target = HERE / template.name
        if target.exists():
            continue
        text = template.read_text(encoding="utf-8").replace("@TEAM@", me.team).replace("@MODEL@", me.model)
        blanks = " " * 12
        text = text.replace("@RULES@", f"\n{blanks}".join(me.tag_rules))
        target.write_text(text, encoding="utf-8", newline="\n")
        print(f"{target.name} is there now.")

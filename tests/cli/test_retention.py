"""``course retention preview`` as a person runs it: exit status, JSON, text, and what goes wrong."""

from __future__ import annotations

import io
import json
import sys
from hashlib import sha256

import pytest

from autograder.cli import main
from autograder.cli.retention_table import size_text

NOW = "2026-06-01T12:00:00Z"


def digest(name: str) -> str:
    return f"sha256:{sha256(name.encode()).hexdigest()}"


POLICY = {
    "rules": [
        {
            "rulePriority": 1,
            "selection": {
                "tagStatus": "tagged",
                "tagPatternList": ["v*"],
                "countType": "imageCountMoreThan",
                "countNumber": 1,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 2,
            "selection": {"tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30},
            "action": {"type": "expire"},
        },
    ]
}
IMAGES = {
    "imageDetails": [
        {
            "imageDigest": digest("a"),
            "imageTags": ["v1"],
            "imagePushedAt": "2026-04-01T12:00:00Z",
            "imageSizeInBytes": 1500,
        },
        {
            "imageDigest": digest("b"),
            "imageTags": ["v2"],
            "imagePushedAt": "2026-04-02T12:00:00Z",
            "imageSizeInBytes": 2_000_000,
        },
        {"imageDigest": digest("c"), "imagePushedAt": "2026-04-03T12:00:00Z"},
    ]
}


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run ``course retention preview`` on a policy and images; returns exit status, stdout and stderr."""

    def runner(policy: object, images: object, *options: str, dialect: str = "ecr") -> tuple[int, str, str]:
        arguments = ["course", "retention", "preview", "--dialect", dialect, "--now", NOW]
        for flag, content in (("--policy", policy), ("--images", images)):
            path = tmp_path / flag.strip("-")
            if content is not None:
                data = content if isinstance(content, bytes) else None
                text = content if isinstance(content, str) else None
                path.write_bytes(data if data is not None else (text or json.dumps(content)).encode("utf-8"))
            arguments += [flag, str(path)]
        monkeypatch.setattr(sys, "argv", [*arguments, *options])
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = capsys.readouterr()
        return status, out, err

    return runner


def test_json_of_a_valid_policy(run):
    status, out, err = run(POLICY, IMAGES, "--json")
    assert (status, err) == (0, "")
    data = json.loads(out)
    assert data["valid"] is True
    assert [(r["digest"], r["action"], r["rule"]) for r in data["results"]] == [
        (digest("a"), "expire", 1),
        (digest("b"), "keep", 1),
        (digest("c"), "expire", 2),
    ]
    assert "number 2" in data["results"][0]["why"]
    assert "rule 2 would expire it, but rule 1 sees it first" in data["results"][1]["why"]
    summary = data["summary"]
    assert (summary["images"], summary["expire"], summary["archive"], summary["keep"]) == (3, 2, 0, 1)
    assert summary["bytes"] == {"expire": 1500, "archive": 0, "keep": 2_000_000}
    assert summary["sizes_unknown"] == 1
    assert summary["now"] == "2026-06-01T12:00:00+00:00"


def test_json_of_an_invalid_policy_has_every_error_and_exit_status_1(run):
    rules = [{**POLICY["rules"][0], "rulePriority": 0}, {**POLICY["rules"][1], "action": {"type": "delete"}}]
    status, out, err = run({"rules": rules}, IMAGES, "--json")
    assert (status, err) == (1, "")
    data = json.loads(out)
    assert data["valid"] is False
    assert [error["path"] for error in data["errors"]] == ["rules[0].rulePriority", "rules[1].action.type"]
    assert all(error["message"] for error in data["errors"])
    assert "results" not in data


def test_text_has_a_line_for_each_image_and_totals(run):
    status, out, err = run(POLICY, IMAGES)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    (line,) = [line for line in lines if " v1 " in line]
    assert "1.5 kB" in line
    assert "61 days" in line
    assert "this is number 2" in line
    assert any("(untagged)" in line for line in lines)
    assert any(line.startswith("expire 1 image, 1.5 kB: rule 1 keeps the newest image tagged v*") for line in lines)
    assert any(line.split() == ["expire", "2", "1.5", "kB"] for line in lines)
    assert any(line.split() == ["total", "3", "2.0", "MB"] for line in lines)
    assert "Sizes not known: 1." in lines


def test_text_is_readable_for_60_images(run):
    details = [
        {
            "imageDigest": digest(str(number)),
            "imageTags": [f"v1.{number}.0"],
            "imagePushedAt": "2026-04-01T12:00:00Z",
            "imageSizeInBytes": 30_000_000,
        }
        for number in range(60)
    ]
    status, out, _ = run(POLICY, {"imageDetails": details})
    lines = out.splitlines()
    assert status == 0
    assert len(lines) < 60 + 15
    assert max(map(len, lines)) <= 120


def test_text_of_an_invalid_policy_gives_the_clouds_words(run):
    broken = {"rules": [{**POLICY["rules"][0], "selection": {**POLICY["rules"][0]["selection"], "tagPatternList": []}}]}
    status, out, _ = run(broken, IMAGES)
    assert status == 1
    assert "not valid for Amazon ECR: 1 error." in out
    assert "rules[0].selection: tagStatus tagged needs a tagPatternList or a tagPrefixList" in out
    assert "Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED." in out


def test_the_three_dialects_take_the_same_images(run):
    cleanup = [{"name": "old", "action": {"type": "Delete"}, "condition": {"olderThan": "30d"}}]
    status, out, _ = run(cleanup, IMAGES, "--json", dialect="gar")
    assert status == 0
    assert [result["rule"] for result in json.loads(out)["results"]] == ["old", "old", "old"]
    status, out, _ = run(
        "acr purge --filter 'm:^v' --ago 30d --dry-run", IMAGES, "--json", "--repository", "m", dialect="acr"
    )
    assert status == 0
    data = json.loads(out)
    assert [result.get("tags_removed") for result in data["results"]] == [["v1"], ["v2"], None]
    assert data["summary"]["dry_run"] is True
    assert data["summary"]["tags_removed"] == 2


def test_undecided_images_are_marked(run):
    index = {"digest": digest("n"), "tags": ["latest"], "pushed_days_ago": 1, "manifest_list_of": [digest("x")]}
    images = [
        index,
        {"digest": digest("x"), "pushed_days_ago": 2},
        {"digest": digest("a"), "tags": ["b-1"], "pushed_days_ago": 3},
    ]
    rule = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 2}
    policy = {"rules": [{"rulePriority": 1, "selection": rule, "action": {"type": "expire"}}]}
    _, out, _ = run(policy, images)
    assert any(line.startswith("?") and "b-1" in line for line in out.splitlines())
    assert "? undecided (1 image): AWS does not document" in " ".join(out.split())
    _, out, _ = run(policy, images, "--json")
    data = json.loads(out)
    assert [result["undecided"] for result in data["results"]] == [False, False, True]
    assert data["summary"]["undecided"] == 1


def test_images_from_standard_input(run, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(IMAGES).encode())))
    status, out, _ = run(POLICY, None, "--json", "--images", "-")
    assert status == 0
    assert json.loads(out)["summary"]["images"] == 3


def test_powershells_utf_16_is_read(run):
    status, out, _ = run(POLICY, json.dumps(IMAGES).encode("utf-16"), "--json")
    assert status == 0
    assert json.loads(out)["summary"]["images"] == 3


@pytest.mark.parametrize(
    ("policy", "images", "options", "part"),
    [
        (None, IMAGES, (), "cannot be read"),
        (POLICY, None, (), "cannot be read"),
        (POLICY, "imageDetails", (), "the images are not JSON"),
        (POLICY, [{"x": 1}], (), "its keys fit no known format: x"),
        (POLICY, b"\xe4\xf6", (), "not UTF-8 text"),
        (POLICY, IMAGES, ("--now", "noon"), "--now is noon"),
    ],
)
def test_wrong_input_is_exit_status_2_with_a_next_step(run, policy, images, options, part):
    status, out, err = run(policy, images, *options)
    assert (status, out) == (2, "")
    assert part in err
    assert "expected:" in err
    assert "next:" in err


def test_wrong_usage_is_exit_status_2(run):
    status, _, err = run(POLICY, IMAGES, "--dialect", "hub")
    assert status == 2
    assert "'hub'" in err


def test_help(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["course", "retention", "preview", "--help"])
    main()
    out = capsys.readouterr().out
    for flag in ("--dialect", "--policy", "--images", "--now", "--json"):
        assert flag in out


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (10**17, "100.0 PB"),
    ],
)
def test_bytes_for_people(size, text):
    assert size_text(size) == text

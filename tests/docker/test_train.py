"""Training: the same bytes everywhere, measured on messages it has not seen, and quick when there is nothing to do."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tomllib
import zlib
from pathlib import Path
from types import ModuleType

import pytest

from .conftest import ML_MODEL

pytestmark = pytest.mark.slow  # each starts programs

WEIGHTS = "sha256:f82ea8b37111e18cbd489974c766aa981ace6a0c0b39a2705eebdb9a2fda59dc"


def digest(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def test_weights_are_the_same_on_every_machine(weights: Path) -> None:
    assert digest(weights / "weights.bin") == WEIGHTS
    assert json.loads((weights / "model.json").read_text())["weights"]["digest"] == WEIGHTS


def test_another_process_writes_the_same_bytes(weights: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ML_MODEL / "train.py"), "--out", str(tmp_path / "new")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert WEIGHTS in done.stdout
    for name in ("weights.bin", "model.json"):
        assert (tmp_path / "new" / name).read_bytes() == (weights / name).read_bytes()


def test_weights_are_as_heavy_as_a_lesson_about_layers_needs(weights: Path) -> None:
    content = (weights / "weights.bin").read_bytes()
    assert 8_000_000 < len(content) < 9_000_000
    assert len(zlib.compress(content)) > 0.99 * len(content)


def test_accuracy_is_measured_on_held_out_messages(training: ModuleType, weights: Path) -> None:
    data = tomllib.loads((ML_MODEL / "messages.toml").read_text(encoding="utf-8"))
    model = training.model.Model(weights)
    held_out = [(text, queue) for queue, texts in data["test"].items() for text in texts]
    right = sum(model.predict(text)["queue"] == queue for text, queue in held_out)
    assert model.metadata["held_out"] | {"messages": len(held_out), "right": right} == model.metadata["held_out"]
    assert model.metadata["held_out"]["accuracy"] == round(right / len(held_out), 4)
    assert right / len(held_out) > 0.8
    learned = {text for patterns in data["train"].values() for text in training.expand(patterns, data["slots"])}
    assert not learned & {text for text, _ in held_out}


def test_present_weights_are_left_alone(training: ModuleType, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "fit", lambda *_: pytest.fail("trained again"))
    assert training.train(weights)["weights"]["digest"] == WEIGHTS


@pytest.mark.slow  # it trains anew each time
@pytest.mark.parametrize("name", ["weights.bin", "model.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_damaged_files_are_made_again(
    training: ModuleType, weights: Path, tmp_path: Path, name: str, damage: str
) -> None:
    before = {file.name: file.read_bytes() for file in weights.iterdir()}
    for file, content in before.items():
        (tmp_path / file).write_bytes(content)
    target = tmp_path / name
    if damage == "gone":
        target.unlink()
    else:
        target.write_bytes(before[name][:-100] if damage == "cut" else b"[]" + before[name][2:])
    training.train(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_files_have_a_fixed_time_and_are_readable(weights: Path, training: ModuleType) -> None:
    for file in weights.iterdir():
        assert file.stat().st_mtime == training.WRITTEN
        assert file.stat().st_mode & 0o444 == 0o444 or sys.platform == "win32"


def test_predictions_are_pinned(training: ModuleType, weights: Path) -> None:
    predict = training.model.predict
    assert predict("Where is my parcel?", weights) == {"queue": "delivery", "score": 0.6085, "runner_up": "account"}
    assert predict("WHERE is my parcel", weights) == predict("Where is my parcel?", weights)


@pytest.mark.parametrize("text", ["", "  ", "?!", "the and of", "\ud800", "日本語", "x" * 2001])
def test_text_without_anything_to_go_by_is_refused(training: ModuleType, weights: Path, text: str) -> None:
    with pytest.raises(ValueError, match="text"):
        training.model.predict(text, weights)


def test_other_weights_than_described_are_refused(training: ModuleType, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes((weights / "model.json").read_bytes())
    (tmp_path / "weights.bin").write_bytes(b"\0" + (weights / "weights.bin").read_bytes()[1:])
    with pytest.raises(ValueError, match="digest"):
        training.model.predict("where is my parcel", tmp_path)

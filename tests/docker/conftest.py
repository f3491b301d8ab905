"""What the tests of the images share: trained weights, and a server in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ML_MODEL = Path(__file__).resolve().parents[2] / "docker" / "ml-model"
HELLO = ML_MODEL.parent / "hello"


@pytest.fixture(scope="session")
def training() -> ModuleType:
    """``docker/ml-model/train.py``, loaded as the kit loads it: by its path."""
    spec = importlib.util.spec_from_file_location("ml_model_train", ML_MODEL / "train.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def weights(training: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with freshly trained weights."""
    folder = tmp_path_factory.mktemp("weights")
    training.train(folder)
    return folder


@pytest.fixture
def server(weights: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Address and process of a running ``serve.py``."""
    process = subprocess.Popen(
        [sys.executable, str(ML_MODEL / "app" / "serve.py")],
        env={**os.environ, "PORT": "0", "WEIGHTS": str(weights), "MODEL_VERSION": "1.2.3", "REVISION": "abc1234"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    port = re.search(r"listens on port (\d+)", first)
    assert port, first
    yield f"127.0.0.1:{port[1]}", process
    process.kill()
    process.wait()
    process.stdout.close()

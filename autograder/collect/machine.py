"""What the student's engine says of itself: claimed evidence, shown beside a grade and never the ground of one."""

from __future__ import annotations

from autograder.evidence.model import Engine
from autograder.services import engine, images


def describe() -> tuple[Engine | None, dict[str, str]]:
    """The engine, and the ids of the kit's images in use; (None, {}) when no engine answers."""
    _, client = engine.probe()
    if client is None:
        return None, {}
    try:
        told = client.info()
        status = [pair[1] for pair in told.get("DriverStatus") or [] if len(pair) == 2]
        # https://docs.docker.com/engine/storage/containerd/ names this value as the sign of the containerd store
        containerd = "io.containerd.snapshotter.v1" in status
        found = Engine(
            version=str(told.get("ServerVersion", "")),
            api=str(client.version().get("ApiVersion", "")),
            operating_system=str(told.get("OperatingSystem", "")),
            architecture=str(told.get("Architecture", "")),
            store="containerd" if containerd else "graphdriver",
        )
        used = {row.name: row.id for row in images.rows(client) if row.id}
        return found, used
    finally:
        client.close()

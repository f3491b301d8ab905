"""What a student who solved everything left, changed as somebody would have got it wrong."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.checks.api import Verdict, run
from autograder.evidence.model import Evidence, Manifest
from autograder.grading import intake, judge, people
from autograder.grading.archive import Archive
from autograder.labs import manifest
from autograder.oci.manifests import digest_of
from autograder.quality import lab_runs, samples

Document = dict[str, Any]


def of_ada(place: Path, slugs: list[str]) -> dict[str, Evidence]:
    """The evidence of the sample class's honest student, as a notebook has it: without what the grader runs itself."""
    zips = {file.stem: file for file in samples.set_up(place)}
    found = {}
    with lab_runs.at(place):
        course = people.load()
        for slug in slugs:
            with Archive(zips[f"{slug}-ada"]) as archive:
                submission = intake.read(archive, course)
            found[slug] = judge.evidence_of(submission, {}, {}, "0" * 64).model_copy(update={"origin": "live"})
    return found


class State:
    """A student's state that can be changed; the answers are recorded anew when it is judged."""

    def __init__(self, evidence: Evidence) -> None:
        own = {"services": copy.deepcopy(evidence.services), "answers": dict(evidence.answers)}
        self.e = evidence.model_copy(update=own)

    def __getitem__(self, name: str) -> str:
        """A personal value, by its name."""
        return self.e.text(name)

    def held(self, service: str, name: str) -> Any:
        return self.e.services[service].repositories[name]

    def tag(self, service: str, name: str, tag: str, to: str | None) -> None:
        """Let a tag point at another tag's manifest or at a digest; None takes it away."""
        tags = self.held(service, name).tags
        if to is None:
            del tags[tag]
        else:
            tags[tag] = tags.get(to, to)

    def store(self, service: str, name: str, document: Document, media_type: str) -> str:
        """Put a manifest into a repository; its digest."""
        text = json.dumps(document)
        digest = digest_of(text.encode())
        self.held(service, name).manifests[digest] = Manifest(media_type=media_type, text=text)
        return digest

    def rebuild(
        self,
        service: str,
        name: str,
        reference: str,
        config: Callable[[Document], object] = lambda config: None,
        image: Callable[[Document], object] = lambda manifest: None,
    ) -> str:
        """Store another build of an image; its digest. No tag moves.

        Args:
            service: the service.
            name: the repository.
            reference: tag or digest of the image or index.
            config: what is changed in its configuration.
            image: what is changed in its manifest, or in the index.
        """
        held = self.held(service, name)
        stored = held.manifests[held.tags.get(reference, reference)]
        document = json.loads(stored.text)
        if "config" in document and document["config"]["digest"] in held.contents:
            content = json.loads(base64.b64decode(held.contents[document["config"]["digest"]]))
            config(content)
            written = json.dumps(content).encode()
            digest = digest_of(written)
            held.contents[digest] = base64.b64encode(written).decode()
            held.blobs[digest] = len(written)
            document["config"] |= {"digest": digest, "size": len(written)}
        image(document)
        return self.store(service, name, document, stored.media_type)

    def labelled(self, service: str, name: str, reference: str, **labels: str | None) -> None:
        """Build and push a tag again with other labels: the words behind the last dot; None leaves one out."""

        def change(config: Document) -> None:
            for key, value in labels.items():
                [full] = [one for one in config["config"]["Labels"] if one.rpartition(".")[2] == key]
                config["config"]["Labels"][full] = value
                if value is None:
                    del config["config"]["Labels"][full]

        self.tag(service, name, reference, self.rebuild(service, name, reference, config=change))

    def settings(self, service: str) -> Any:
        return self.e.services[service].settings

    def answer(self, name: str, value: Any) -> None:
        self.e.answers[name] = self.e.answers[name].model_copy(update={"value": value})

    def given(self, name: str) -> Any:
        return copy.deepcopy(self.e.answers[name].value)

    def verdict(self, check: str) -> Verdict:
        """Of one check, after those that it needs."""
        for name, one in self.e.answers.items():
            self.e.answers[name] = one.model_copy(update={"inputs": self.e.current_inputs(name)})
        lab = manifest.find(self.e.lab)
        declared = lab.declared_checks()
        wanted = [check]
        for one in wanted:
            wanted += declared[one].needs
        parts = {id: part for id, part in declared.items() if id in wanted}
        return next(one for one in run(parts, self.e, lab.points) if one.check == check)

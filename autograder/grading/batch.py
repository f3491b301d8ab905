"""A whole class: find submissions, leave out what is graded already, judge the rest in parallel, keep each at once.

Nothing here schedules or queues: joblib does, in worker processes of this machine or on a Dask cluster. Each result
is on disk before the next is looked at, so a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import EnvironmentProblem
from autograder.evidence.submission_zip import Header, moment
from autograder.grading import discover, intake, probes, regrade, sandbox, store, workers
from autograder.grading.archive import Archive
from autograder.grading.discover import Found
from autograder.grading.identity import Identity, Owners
from autograder.grading.judge import Outcome, sha256_of
from autograder.grading.people import Course
from autograder.grading.problems import Refused
from autograder.grading.report import Row, row_of, row_of_refused
from autograder.grading.verdict_file import VerdictFile
from autograder.grading.workers import Candidate, Unit
from autograder.labs.manifest import Lab
from autograder.services import engine, http, installation, orphans
from autograder.services.orphans import Owner

if TYPE_CHECKING:
    from docker import DockerClient

Say = Callable[[str], None]


@dataclass(frozen=True)
class Peeked:
    """A zip that can be graded, as far as its submission.json tells."""

    found: Found
    file: Path
    sha256: str
    header: Header
    lab: Lab


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes:
        units: to judge.
        settled: rows that are settled without judging.
        labs: slug -> lab, of every unit.
        again: verdicts whose evidence holds and whose rules changed, each with its unit should evidence not do.
    """

    units: list[Unit]
    settled: list[Row]
    labs: dict[str, Lab]
    again: list[tuple[VerdictFile, Unit]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many submissions there are to judge, now or again."""
        return len(self.units) + len(self.again)


def peek(found: Found, course: Course) -> Peeked | Row:
    """Look at a zip's submission.json; a row when it is refused."""
    outcome = Outcome(found.name, "", status="refused")
    try:
        if found.file is None:
            raise Refused(found.problem)
        outcome.sha256 = sha256_of(found.file)
        with Archive(found.file) as archive:
            outcome.header = intake.header_of(archive)
            lab = intake.admitted(outcome.header, course)
        return Peeked(found, found.file, outcome.sha256, outcome.header, lab)
    except Refused as reason:
        outcome.problems.append(str(reason))
    except OSError as error:
        outcome.problems.append(f"It cannot be read: {error.strerror or error}.")
    return row_of_refused(outcome)


def plan(found: Iterable[Found], course: Course, force: bool, inline: bool = False) -> Plan:
    """Decide what there is to do.

    Of several submissions of one student for one lab the one with the newest ``written_at`` counts (then the name that
    sorts last). One that is older than what is graded already is left out; ``force`` grades the newest given anyway.

    Args:
        found: the zips.
        course: the class.
        force: judge again even what is graded and unchanged.
        inline: put the bytes into the units, for workers on other machines.
    """
    settled: list[Row] = []
    groups: dict[tuple[str, str], list[Peeked]] = {}
    for one in found:
        seen = peek(one, course)
        if isinstance(seen, Row):
            settled.append(seen)
        else:
            groups.setdefault((seen.header.student, seen.lab.slug), []).append(seen)
    units: list[Unit] = []
    again: list[tuple[VerdictFile, Unit]] = []
    labs: dict[str, Lab] = {}
    for (student, slug), group in sorted(groups.items()):
        group.sort(key=lambda p: (p.header.moment, p.found.name), reverse=True)
        newest, labs[slug] = group[0], group[0].lab
        same = [p for p in group[1:] if p.sha256 == newest.sha256]
        older = [p for p in group[1:] if p.sha256 != newest.sha256]
        settled += [row_of_refused(_outcome(p, "The same zip a second time."), "duplicate") for p in same]
        settled += [row_of_refused(_outcome(p, f"Older than {newest.found.name}."), "older") for p in older]
        before = store.read(student, slug)
        if before is not None and not force:
            if store.is_current(before, newest.sha256, newest.lab, course):
                settled.append(row_of(before, "unchanged"))
                continue
            if before.status == "graded" and moment(before.written_at) > newest.header.moment:
                reason = f"Older than the one graded already ({before.source}, {before.written_at})."
                settled.append(row_of_refused(_outcome(newest, reason), "older"))
                continue
        unit = Unit(student, slug, tuple(_candidate(p, inline) for p in [newest, *older]))
        if before is not None and not force and store.holds(before, newest.sha256, newest.lab, course):
            again.append((before, unit))
        else:
            units.append(unit)
    return Plan(units, settled, labs, again)


def _candidate(peeked: Peeked, inline: bool) -> Candidate:
    content = peeked.file.read_bytes() if inline else peeked.file
    return Candidate(peeked.found.name, content, peeked.sha256, peeked.header)


def _outcome(peeked: Peeked, reason: str) -> Outcome:
    return Outcome(peeked.found.name, peeked.sha256, status="refused", header=peeked.header, problems=[reason])


@dataclass
class Batch:
    """One run of ``course grade``.

    Attributes:
        course: the class.
        jobs: worker processes; 1 judges in this process.
        scheduler: address of a Dask scheduler, or None.
        force: judge again what is graded already.
        say: called with a line about what takes time before judging begins.
    """

    course: Course
    jobs: int
    scheduler: str | None = None
    force: bool = False
    say: Say = lambda line: None

    def run(self, given: list[Path], begin: Callable[[Plan], None], done: Callable[[Row], None]) -> list[Row]:
        """Grade.

        Args:
            given: zips and folders.
            begin: called once, with the plan.
            done: called with each row as soon as its verdict is on disk.

        Returns:
            all rows.

        Raises:
            CourseError: no submissions, or another grading runs.
            EnvironmentProblem: an engine is needed and there is none.
        """
        with installation.locked("grade", wait=1.0), tempfile.TemporaryDirectory(prefix="submissions-") as scratch:
            plan_ = plan(discover.find(given, Path(scratch)), self.course, self.force, inline=bool(self.scheduler))
            begin(plan_)
            rows = list(plan_.settled)
            for row in self._judged_again(plan_):
                rows.append(row)
                done(row)
            with self.ready(plan_) as owners:
                judges = {slug: Owners(lab, self.course) for slug, lab in plan_.labs.items()}
                for unit, owner, outcomes in self.results(plan_.units):
                    owners.add(owner)
                    for row in self._keep(unit, outcomes, judges[unit.lab], plan_.labs[unit.lab]):
                        rows.append(row)
                        done(row)
        return rows

    def _judged_again(self, plan_: Plan) -> Iterator[Row]:
        """Judge stored evidence by the present rules; what that cannot settle becomes a unit."""
        for before, unit in plan_.again:
            row = regrade.one(before, plan_.labs[unit.lab], self.course)
            if row.is_open:
                plan_.units.append(unit)
            else:
                yield row

    def _keep(self, unit: Unit, outcomes: list[Outcome], owners: Owners, lab: Lab) -> Iterator[Row]:
        for outcome in outcomes:
            if outcome.header is None:
                yield row_of_refused(outcome, outcome.status)
                continue
            identity = owners.identify(unit.student, outcome.claims) if outcome.evidence else Identity()
            yield row_of(store.record(outcome, identity, self.course, lab), outcome.status)

    @contextlib.contextmanager
    def ready(self, plan_: Plan) -> Iterator[set[Owner]]:
        """Clean up after earlier runs, have the images ready, and clean up after this one, however it ends."""
        owners: set[Owner] = {orphans.owner()}
        needed = any(plan_.labs[unit.lab].tasks or plan_.labs[unit.lab].probes for unit in plan_.units)
        if not needed or self.scheduler:
            yield owners
            return
        client = engine.connect()
        try:
            orphans.sweep(client)
            if any(plan_.labs[unit.lab].tasks for unit in plan_.units):
                sandbox.build(client, self.say)
            probes.prepare({name for unit in plan_.units for name in plan_.labs[unit.lab].probes}, client, self.say)
            yield owners
        finally:
            workers.close()
            _sweep(client, owners)
            client.close()

    def results(self, units: list[Unit]) -> Iterator[tuple[Unit, Owner, list[Outcome]]]:
        """Each unit as it is judged: the unit, the process that did it, the outcomes."""
        if self.scheduler:
            yield from self._on_cluster(units, self.scheduler)
        elif self.jobs == 1 or len(units) <= 1:
            for unit in units:
                yield unit, *workers.work(unit, self.course)
        else:
            yield from self._in_processes(units)

    def _in_processes(self, units: list[Unit]) -> Iterator[tuple[Unit, Owner, list[Outcome]]]:
        """Judge in worker processes. One that takes its process down is found out and costs nobody else anything."""
        from joblib.externals.loky.process_executor import BrokenProcessPool

        remaining, master = dict(enumerate(units)), orphans.owner()
        while remaining:
            try:
                for number, owner, outcomes in _parallel(remaining, self.course, self.jobs, master):
                    yield remaining.pop(number), owner, outcomes
            except BrokenProcessPool:
                for number in list(remaining)[: 4 * self.jobs]:  # whoever did it was among those handed out first
                    unit = remaining[number]
                    try:
                        [(_, owner, outcomes)] = list(_parallel({number: unit}, self.course, 2, master))
                    except BrokenProcessPool:
                        owner, outcomes = orphans.owner(), [_crashed(unit)]
                    yield remaining.pop(number), owner, outcomes

    def _on_cluster(self, units: list[Unit], address: str) -> Iterator[tuple[Unit, Owner, list[Outcome]]]:
        import joblib
        from distributed import Client

        try:
            client = Client(address, timeout="60s", set_as_default=True)
        except (OSError, TimeoutError, ValueError) as error:
            raise EnvironmentProblem(
                expected=f"a Dask scheduler at {address}",
                found=http.in_words(error),
                next_step="Start one with `dask scheduler`, and workers with `dask worker ADDRESS` in an environment "
                "with the kit and an engine; then try again.",
            ) from None
        try:
            with joblib.parallel_config(backend="dask", n_jobs=-1):
                for number, owner, outcomes in _parallel(dict(enumerate(units)), self.course, None, None):
                    yield units[number], owner, outcomes
        finally:
            with contextlib.suppress(Exception):  # a worker that is gone has nothing left to close
                client.run(workers.close)
            client.close()


def _parallel(
    units: dict[int, Unit], course: Course, jobs: int | None, master: Owner | None
) -> Iterator[tuple[int, Owner, list[Outcome]]]:
    import joblib

    pool = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")
    yield from pool(joblib.delayed(_numbered)(number, unit, course, master) for number, unit in list(units.items()))


def _numbered(number: int, unit: Unit, course: Course, master: Owner | None) -> tuple[int, Owner, list[Outcome]]:
    owner, outcomes = workers.work(unit, course, master)
    return number, owner, outcomes


def _crashed(unit: Unit) -> Outcome:
    newest = unit.candidates[0]
    outcome = Outcome(newest.name, newest.sha256, header=newest.header)
    outcome.problems.append("The grading process ended while it read this submission (out of memory?). Try it alone.")
    return outcome


def _sweep(client: DockerClient, owners: set[Owner]) -> None:
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    with contextlib.suppress(DockerException, RequestException, OSError):  # the next run sweeps again
        orphans.sweep(client, owners)


def default_jobs() -> int:
    """Worker processes when nobody says: one more than there are processors, since a worker often waits."""
    import joblib

    return int(joblib.cpu_count()) + 1

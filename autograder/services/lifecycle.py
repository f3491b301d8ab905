"""Everything up, and everything down: the registry, JupyterLab and the site, each on its own port.

What fails does not keep the rest from starting: it is listed at the end, each with its fix.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

from autograder import paths
from autograder.domain.services import EMULATORS
from autograder.errors import CourseError, EnvironmentProblem
from autograder.services import (
    addresses,
    cloud_credentials,
    clouds,
    engine,
    http,
    images,
    installation,
    jupyter,
    machine_setup,
    ports,
    registry,
    removal,
    services_image,
)
from autograder.services import site_server as site
from autograder.services.compose import project as compose
from autograder.services.installation import Installation
from autograder.services.steps import Steps

Report = Callable[[str], None]
STOCK = "the registry's advisory database"  # named as such where it is missing
ENGINE = "engine"
PORT_TRIES = 5  # of a service whose port was chosen a moment ago, and taken meanwhile
COMMAND_SECONDS = 900.0  # how long another start or stop may take (a first one builds images)


@dataclass
class Started:
    """What a start brought.

    Attributes:
        addresses: where everything is.
        running: the services that answer.
        problems: services that could not be started, and why.
        notes: sentences for the person at the keyboard.
        seconds: how long each step took (s), by its name; steps overlap.
    """

    addresses: addresses.Addresses
    running: list[str] = field(default_factory=list)
    problems: dict[str, CourseError] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What a start is to bring up.

    Attributes:
        prepare: makes the student's folder ready and returns notes about it; None leaves it alone.
        build_site: builds the site; None serves none.
        with_jupyter: whether JupyterLab is started.
        with_clouds: whether the clouds' emulators are started.
        move: services that take another port than the one they have.
        stock: puts the course's own repositories into the local registry, given its address; None leaves it alone.
        scanner: finds what the ECR emulator scans with; None: nothing.
    """

    prepare: Callable[[], list[str]] | None = None
    build_site: Callable[[], object] | None = None
    with_jupyter: bool = True
    with_clouds: bool = False
    move: tuple[str, ...] = ()
    stock: Callable[[str], object] | None = None
    scanner: Callable[[Report], clouds.Scanner] | None = None


def start(plan: Plan, report: Report) -> Started:
    """Bring everything up, or what is missing of it.

    What does not need one another is done at the same time: the site, the base images, the packages of the clouds.

    Args:
        plan: what to bring up.
        report: called with one line for each step that takes time, and now and then while one goes on.
    """
    with _folders_checked(), installation.locked("command", COMMAND_SECONDS, report), Steps(report) as steps:
        notes = plan.prepare() if plan.prepare else []
        state, chosen = _with_ports(plan)
        started = Started(addresses.of_installation(state), notes=notes, seconds=steps.seconds)

        def attempt(service: str, step: Callable[[], object]) -> None:
            _attempt(started, service, lambda: _on_a_free_port(state, chosen, step))
            started.addresses = addresses.of_installation(state)

        wanted = [registry.SERVICE]
        if plan.with_jupyter:  # launched first, because it takes the longest to answer
            wanted.append(jupyter.SERVICE)
            attempt(jupyter.SERVICE, lambda: _jupyter(state))
        based = _Based()
        with ThreadPoolExecutor(1) as beside:
            if plan.build_site:
                wanted.append(site.SERVICE)
                served = beside.submit(_once(based, lambda: attempt(site.SERVICE, lambda: _site(plan, state, steps))))
            try:
                _with_engine(plan, started, state, steps, attempt, based)
            except BaseException:  # an interrupt, for one: nothing more is begun
                based.stopped = True
                raise
            finally:
                based.set()
            if plan.build_site:
                served.result()
            if plan.with_clouds:
                wanted += EMULATORS if clouds.BACKENDS not in started.problems else ()
        if plan.with_jupyter:
            if not jupyter.answers(state):
                steps.say("waiting for JupyterLab")
            with steps.step("JupyterLab"):
                _attempt(started, jupyter.SERVICE, lambda: jupyter.wait(state))
        started.running = [service for service in wanted if service not in started.problems]
        return started


class _Based(threading.Event):
    """Set when the base images are there, or cannot be had; ``stopped`` when nothing more is to be begun."""

    stopped = False


def _once(based: _Based, step: Callable[[], None]) -> Callable[[], None]:
    """A step that waits for the bases, which hold up more than the site and need the processors."""

    def waiting() -> None:
        based.wait()
        if not based.stopped:
            step()

    return waiting


def _with_engine(
    plan: Plan,
    started: Started,
    state: Installation,
    steps: Steps,
    attempt: Callable[[str, Callable[[], object]], None],
    based: _Based,
) -> None:
    """What runs in containers: images first, several at a time; each service as soon as it can.

    ``based`` is set when the base images are there.
    """
    with ThreadPoolExecutor(3) as pool:
        attempt(ENGINE, lambda: _engine(steps))
        if ENGINE in started.problems:
            started.problems[registry.SERVICE] = started.problems.pop(ENGINE)
            if plan.with_clouds:
                started.problems[clouds.BACKENDS] = started.problems[registry.SERVICE]
            return
        bases = {tag: pool.submit(_base, tag, steps) for tag in images.BASES}
        if plan.with_clouds:
            pool.submit(_packages, steps)
        attempt(registry.SERVICE, lambda: _registry(state, steps, bases[images.REGISTRY]))
        if plan.stock and registry.SERVICE not in started.problems:
            stock, address = plan.stock, started.addresses.of(registry.SERVICE)
            with steps.step(STOCK):
                _attempt(started, STOCK, lambda: stock(address))
        others = [base for tag, base in bases.items() if tag != images.REGISTRY]
        if not plan.with_clouds:
            _attempt(started, registry.SERVICE, lambda: [base.result() for base in others])
            return
        scanner = _scanner(plan, started, steps)
        _attempt(started, clouds.BACKENDS, lambda: [base.result() for base in others])
        based.set()
    if clouds.BACKENDS not in started.problems:
        attempt(clouds.BACKENDS, lambda: _clouds(state, scanner, steps))


@contextmanager
def _folders_checked() -> Iterator[None]:
    """A folder without rights or a full disk, told as what it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT):
            raise
        raise EnvironmentProblem(
            expected=f"the kit can write below {paths.home()}",
            found=str(error),
            next_step="Run `python3 course.py doctor`; give yourself the rights to that folder, or free some space.",
        ) from error


def _with_ports(plan: Plan) -> tuple[Installation, set[str]]:
    """The state with a port for every service of the plan, and the services whose port was chosen now."""
    wanted = [registry.SERVICE]
    wanted += [jupyter.SERVICE] if plan.with_jupyter else []
    wanted += [site.SERVICE] if plan.build_site else []
    wanted += EMULATORS if plan.with_clouds else ()
    with installation.change() as state:
        for service in plan.move:
            _move(state, service)
        if plan.with_clouds:  # before the first terminal, so that it never has a person's own credentials
            with suppress(EnvironmentProblem):  # told when the clouds start
                cloud_credentials.load()
        chosen = set(wanted) - set(state.ports)
        for service in wanted:
            ports.choose(state, service)
        state.wanted = sorted({*state.wanted, *wanted})
    return state, chosen


def _move(state: Installation, service: str) -> None:
    _stop_one(state, service)
    old = state.ports.pop(service, None)
    ports.choose(state, service, lambda port: port != old and ports.is_free(port))


def _on_a_free_port(state: Installation, chosen: set[str], step: Callable[[], object]) -> None:
    """Do a step; where another program took the port since it was chosen, take the next one and do the step again.

    Two installations that start in the same second find the same ports free. A port of an earlier start never moves by
    itself: it may stand in image names.
    """
    refused: set[int] = set()
    for _ in range(PORT_TRIES - 1):
        try:
            step()
            return
        except ports.PortTaken as busy:
            service = busy.service
            if service not in chosen:
                raise
        with installation.change() as saved:
            refused.add(saved.ports.pop(service))
            ports.choose(saved, service, lambda port: port not in refused and ports.is_free(port))
            state.ports[service] = saved.ports[service]
    step()


def _stop_one(state: Installation, service: str) -> None:
    if service == jupyter.SERVICE:
        jupyter.stop(state)
    elif service == site.SERVICE:
        site.stop(state)
    # The registry's container is made anew when its port changed.


def _attempt(started: Started, service: str, step: Callable[[], object]) -> None:
    """Do a step of a service, unless an earlier one failed."""
    if service not in started.problems:
        try:
            step()
        except CourseError as problem:
            started.problems[service] = problem


def _remember(state: Installation) -> None:
    """Write down which processes are ours, at once: a start may be killed at any moment."""
    with installation.change() as saved:
        saved.processes = dict(state.processes)


def _jupyter(state: Installation) -> None:
    jupyter.launch(state)
    _remember(state)


def _site(plan: Plan, state: Installation, steps: Steps) -> None:
    assert plan.build_site is not None
    with steps.step("site"):
        plan.build_site()
        site.launch(state)
        _remember(state)
        site.wait(state)


def _engine(steps: Steps) -> None:
    """Have the engine answering."""
    with steps.step("engine"):
        _, client = engine.probe()
        if client is None:
            machine_setup.ensure(["engine"], steps.say)
            client = engine.connect()
        client.close()


def _base(tag: str, steps: Steps) -> None:
    """Have a base image, over a connection of this thread's own."""
    with steps.step(tag), closing(engine.connect()) as client, _engine_told():
        images.ensure(client, tag, steps.say)


def _packages(steps: Steps) -> None:
    """Fetch what the clouds' image is made of, beside other work; whatever fails here is told where it is needed."""
    with suppress(Exception), steps.step("packages of the clouds"), closing(engine.connect()) as client:
        services_image.fetch(client, steps.say)


def _registry(state: Installation, steps: Steps, base: Future[None]) -> None:
    base.result()
    with steps.step("registry"), closing(engine.connect()) as client, _engine_told():
        registry.up(client, state, steps.say)


def _scanner(plan: Plan, started: Started, steps: Steps) -> clouds.Scanner | None:
    if plan.scanner is None:
        return None
    try:
        with steps.step("scanner"):
            return plan.scanner(steps.say)
    except CourseError as problem:
        started.notes.append(f"The ECR emulator has no scanner: {problem.found}. {problem.next_step}")
        return None


def _clouds(state: Installation, scanner: clouds.Scanner | None, steps: Steps) -> None:
    with closing(engine.connect()) as client, _engine_told():
        clouds.up(client, state, steps.say, scanner, steps.step)


@contextmanager
def _engine_told() -> Iterator[None]:
    """What the engine refuses, told as such."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except (DockerException, RequestException) as error:
        raise EnvironmentProblem(
            expected="the engine to do what it is asked",
            found=http.in_words(error),
            next_step="Run: python3 course.py doctor",
        ) from error


def stop(report: Report) -> list[str]:
    """Take everything down. Nothing that was pushed is lost.

    Returns:
        What was running and is stopped now.

    Raises:
        EnvironmentProblem: a registry may still be running, because its engine cannot be reached any more.
    """
    if installation.find() is None:
        return []
    with installation.locked("command", COMMAND_SECONDS, report):
        stopped = []
        with installation.change() as state:
            state.wanted = []
            report("stopping JupyterLab")
            stopped += [jupyter.SERVICE] if jupyter.stop(state) else []
            stopped += [site.SERVICE] if site.stop(state) else []
        if registry.SERVICE in state.ports:
            found, client = engine.probe()
            if client is not None:
                with closing(client):
                    report("stopping the clouds' emulators")
                    stopped += EMULATORS if clouds.down(client, state) else ()
                    stopped += compose.stop_all(client, state)
                    report("stopping the registry")
                    stopped += [registry.SERVICE] if registry.down(client, state) else []
            elif registry.answers(state.ports[registry.SERVICE]):
                raise engine.problem(found)
        return stopped


def remove(report: Report) -> dict[str, int]:
    """Take everything down and remove what the installation has in the engine: all that was pushed is lost.

    Returns:
        how many of each ``container``, ``volume``, ``image`` and ``network``; empty before the first start.

    Raises:
        EnvironmentProblem: the engine cannot be reached.
    """
    state = installation.find()
    if state is None:
        return {}
    found, client = engine.probe()
    if client is None:
        raise engine.problem(found)
    with closing(client), installation.locked("command", COMMAND_SECONDS, report), _engine_told():
        report("removing containers, volumes and images")
        gone = removal.remove(client, state)  # first, while the registry holds its port
    stop(report)
    return gone

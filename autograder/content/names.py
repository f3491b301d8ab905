"""Names in a lesson ↔ names of one test run: ports, ``my-…`` objects, clouds, folders.

A lesson names things as its reader has them; a test must touch neither the reader's nor the clouds'. So every command
and file of a lesson is translated before it is used, and every output back before it is compared. The lesson's text is
never edited. The rules, all of them:

================================================  =====================================================================
in the lesson                                     in the test
================================================  =====================================================================
``my-registry``, ``my-…``                         a throw-away name; what is left under it is removed
port 5010 to 5099, 5999, 8081 to 8099             a free port: after a colon, ``=``, ``-p``, ``port``; never the
                                                  second of ``5010:5000``, which is the container's own
port 5001 to 5005                                 the throw-away installation's registry and emulators
``123456789012.dkr.ecr.us-east-1.amazonaws.com``  the ECR emulator
``docker.io``, ``index.docker.io``,               the Docker Hub emulator
``registry-1.docker.io``, ``auth.docker.io``
``LOCATION-docker.pkg.dev``                       the Artifact Registry emulator
``mlregistry-HASH.azurecr.io``                    the ACR emulator
``https://`` before one of these hosts            ``http://``
``/home/you/course``, ``/home/you``               the folder that stands for the course's, and a home folder
================================================  =====================================================================

The clouds' rules hold in lessons that need ``clouds``; elsewhere their names are only talked about. In an output a
emulator's address becomes the real name that the lesson uses first, or the default address (``localhost:5003``) where
it uses none.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from autograder.domain.services import SERVICES

# Service -> its port as documentation has it. They map to the throw-away installation's.
DEFAULT_PORTS = {service.name: service.port for service in SERVICES}
# Service -> the names its cloud has in lessons.
HOSTS = {service.name: service.hosts for service in SERVICES if service.hosts}
HOME = "/home/you"
COURSE = f"{HOME}/course"

_LOOPBACK = r"(?:localhost|127\.0\.0\.1)"
_MY = r"(?P<my>(?<![A-Za-z0-9_-])my-(?=[a-z0-9]))"
_PORT = (
    r"(?:(?<=[:=])|(?<=-p )|(?<=[pP]ort )|(?<=port = )|(?<=port: )|(?<=published: )|(?<=published: \"))"
    r"(?<![0-9]{4}:)(?P<port>50[1-9][0-9]|5999|808[1-9]|809[0-9]|500[1-5])(?!\w|\.\d)"
)
_HOST = (
    r"(?P<scheme>https://)?(?<![A-Za-z0-9.-])(?:"
    + "|".join(f"(?P<{service.replace('-', '_')}>{pattern})" for service, pattern in HOSTS.items())
    + r")(?![A-Za-z0-9-]|\.[A-Za-z0-9])"
)


def free_port() -> int:
    """A port of loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Names:
    """The table of one lesson in one run.

    Attributes:
        run: what ``my-`` becomes; ends with a hyphen.
        services: service -> ``localhost:PORT`` of the throw-away installation; empty when the lesson needs none.
        folders: folder in the lesson -> folder of this run.
        choose_port: gives a free port.
        ports: port in the lesson -> port of this run, as far as blocks used them; the services' excepted.
    """

    run: str = "my-"
    services: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)
    choose_port: Callable[[], int] = free_port
    ports: dict[str, str] = field(default_factory=dict)
    _hosts: dict[str, str] = field(default_factory=dict)

    def read(self, lesson: str) -> None:
        """Learn from a lesson's text which real name each cloud has in it: the first one that is used."""
        for match in re.finditer(_HOST, lesson):
            self._hosts.setdefault(_service(match), match[0].removeprefix("https://"))

    def here(self, text: str) -> str:
        """A text of the lesson with this run's names."""
        for shown in sorted(self.folders, key=len, reverse=True):
            text = text.replace(shown, self.folders[shown])
        rules = [_MY, _PORT, *([_HOST] if self.services else [])]
        return re.sub("|".join(rules), self._translated, text)

    def there(self, text: str, local: bool = False) -> str:
        """An output of this run with the lesson's names.

        Args:
            text: what was printed.
            local: whether emulators keep their local addresses (``localhost:5003``), as the lesson shows them here.
        """
        shown_folders = {actual: shown for shown, actual in self.folders.items()}
        for actual in sorted(shown_folders, key=len, reverse=True):
            text = text.replace(actual, shown_folders[actual])
        rules = [rf"(?P<my>{re.escape(self.run)})"]
        own = {_port(address): service for service, address in self.services.items()}
        if own:
            either = "|".join(map(re.escape, own))
            rules.append(rf"(?P<scheme>http://)?(?P<loopback>{_LOOPBACK}):(?P<own>{either})(?!\d)")
            rules.append(rf"(?<=:)(?P<alone>{either})(?!\w)")
        if self.ports:
            rules.append(rf"(?<![\w.])(?P<port>{'|'.join(map(re.escape, self.ports.values()))})(?!\w)")
        shown_ports = {actual: shown for shown, actual in self.ports.items()}

        def shown(match: re.Match[str]) -> str:
            found = match.groupdict()
            if found["my"]:
                return "my-"
            if found.get("port"):
                return shown_ports[found["port"]]
            service = own[found["own"] or found["alone"]]
            host = self._hosts.get(service)
            if found["own"] is None or local or host is None:
                return match[0].removesuffix(found["own"] or found["alone"]) + str(DEFAULT_PORTS[service])
            return ("https://" if found["scheme"] else "") + host

        return re.sub("|".join(rules), shown, text)

    def _translated(self, match: re.Match[str]) -> str:
        found = match.groupdict()
        if found["my"]:
            return self.run
        if found["port"]:
            return self._port(found["port"])
        return ("http://" if found["scheme"] else "") + self.services[_service(match)]

    def _port(self, shown: str) -> str:
        for service, address in self.services.items():
            if shown == str(DEFAULT_PORTS[service]):
                return _port(address)
        if shown not in self.ports:
            self.ports[shown] = str(self.choose_port())
        return self.ports[shown]


def _port(address: str) -> str:
    return address.rpartition(":")[2]


def _service(match: re.Match[str]) -> str:
    return next(service for service in HOSTS if match[service.replace("-", "_")])

"""A network of its own: nothing but the course's services can be reached, and whatever else is tried is written down.

Run as ``unshare --net --mount python sealed.py PLAN.json COMMAND…`` (Linux, with root or a user namespace): the plan
names ports of this machine that stay in reach, each as a socket that the caller forwards, a file for the attempts, and
the user (id, group, further groups) as whom the command runs, or null for the one who seals.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # https://docs.kernel.org/networking/tuntap.html
NAMESERVER = "192.0.2.53"  # of a network for documentation (RFC 5737): nobody is there


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class Forward(socketserver.BaseRequestHandler):
    """Passes a connection on to ``server.target``, a port of this machine or a socket's path."""

    def handle(self) -> None:
        """Copy both ways until both sides are done."""
        target = self.server.target  # type: ignore[attr-defined]
        with socket.socket(socket.AF_UNIX if isinstance(target, str) else socket.AF_INET) as onward:
            onward.connect(target if isinstance(target, str) else ("127.0.0.1", target))
            back = threading.Thread(target=_copy, args=(onward, self.request), daemon=True)
            back.start()
            _copy(self.request, onward)
            back.join()


class Ports(socketserver.ThreadingTCPServer):
    """Forwards from a port."""

    allow_reuse_address, daemon_threads, request_queue_size = True, True, 64


class Sockets(socketserver.ThreadingUnixStreamServer):
    """Forwards from a socket in the file system."""

    daemon_threads, request_queue_size = True, 64


def serve(server: Ports | Sockets, target: str | int) -> None:
    """Forward in the background."""
    server.target = target  # type: ignore[union-attr]
    threading.Thread(target=server.serve_forever, daemon=True).start()


@contextlib.contextmanager
def outside(ports: list[int]) -> Iterator[dict[int, str]]:
    """The other half, in the caller's network: a socket for each port, in a short-lived folder."""
    folder = tempfile.mkdtemp(prefix="sealed-")  # short: a socket's path has at most 107 bytes
    servers = []
    try:
        for port in ports:
            servers.append(Sockets(f"{folder}/{port}", Forward))
            serve(servers[-1], port)
        yield {port: f"{folder}/{port}" for port in ports}
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        shutil.rmtree(folder)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def _seal(attempts: Path, resolver: Path) -> None:
    """One interface with a default route, whose packets go into a file, one line a packet: protocol, address, port.

    Args:
        attempts: the file, made when all else is done.
        resolver: a file to write, for ``/etc/resolv.conf``.
    """
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", b"away", IFF_TUN | IFF_NO_PI))
    Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1", encoding="ascii")
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "address", "add", "192.0.2.1/24", "dev", "away")
    _run("ip", "link", "set", "away", "up")
    _run("ip", "route", "add", "default", "dev", "away")
    resolver.unlink(missing_ok=True)  # of another user, where one way to be root was tried in vain
    resolver.write_text(f"nameserver {NAMESERVER}\noptions timeout:1 attempts:1\n", encoding="ascii")
    _run("mount", "--bind", str(resolver), "/etc/resolv.conf")

    def record() -> None:
        while packet := os.read(device, 1 << 16):
            if packet[0] >> 4 == 4:
                start = (packet[0] & 15) * 4
                port = int.from_bytes(packet[start + 2 : start + 4], "big") if packet[9] in (6, 17) else 0
                with attempts.open("a", encoding="ascii") as lines:
                    lines.write(f"{packet[9]} {socket.inet_ntoa(packet[16:20])} {port} {_name(packet[start + 8 :])}\n")

    attempts.touch()
    threading.Thread(target=record, daemon=True).start()


def _name(question: bytes) -> str:
    """The name that a DNS message asks for; what is no such message gives some nonsense."""
    parts, at = [], 12
    while at < len(question) and question[at]:
        parts.append(question[at + 1 : at + 1 + question[at]].decode("ascii", errors="replace"))
        at += 1 + question[at]
    return ".".join(parts).replace("\n", " ")


def main() -> int:
    """Seal this process's network, then run the command in it."""
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    _seal(Path(plan["attempts"]), Path(sys.argv[1]).with_name("resolv.conf"))
    for port, path in plan["ports"].items():
        serve(Ports(("127.0.0.1", int(port)), Forward), path)
    if plan["user"] is None:
        return subprocess.call(sys.argv[2:])
    user, group, groups = plan["user"]
    return subprocess.call(sys.argv[2:], user=user, group=group, extra_groups=groups)


if __name__ == "__main__":
    sys.exit(main())

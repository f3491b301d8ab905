"""Why a server gave no answer, in words: from real connections that fail, as each library reports them."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import docker
import docker.errors
import pytest
import requests

from autograder.errors import EnvironmentProblem
from autograder.oci.client import RegistryClient
from autograder.services import http as services_http
from autograder.services.http import ask, in_words

Talk = Callable[[socket.socket], None]


@contextmanager
def server(talk: Talk) -> Iterator[int]:
    """A server on a port of loopback that treats each connection as ``talk`` does."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    talk(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def hang_up(connection: socket.socket) -> None:
    """Read the request and say nothing."""
    connection.recv(1 << 16)


def half(connection: socket.socket) -> None:
    """Less than was promised."""
    connection.recv(1 << 16)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")


@pytest.fixture
def closed() -> int:
    """A port where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def failing(url: str, timeout: float = 5.0) -> requests.RequestException:
    with pytest.raises(requests.RequestException) as raised, requests.Session() as session:
        session.trust_env = False
        session.get(url, timeout=timeout)
    return raised.value


def test_nobody_there(closed):
    url = f"http://127.0.0.1:{closed}/"
    assert in_words(failing(url)) == ask(url).text == "the connection was refused"


def test_one_that_hangs_up():
    with server(hang_up) as port:
        url = f"http://127.0.0.1:{port}/"
        assert in_words(failing(url)) == ask(url).text == "the connection broke off"
    with server(half) as port:
        url = f"http://127.0.0.1:{port}/"
        assert in_words(failing(url)) == ask(url).text == "the connection broke off"


def test_one_that_says_nothing():
    ended = threading.Event()
    with server(lambda _: ended.wait(10) and None) as port:
        url = f"http://127.0.0.1:{port}/"
        assert in_words(failing(url, 0.2)) == ask(url, timeout=0.2).text == "it did not answer in time"
        ended.set()


def test_a_name_that_nobody_has():
    assert in_words(failing("http://nobody.invalid/")) == "no machine of that name is known"


def test_one_that_speaks_no_tls():
    with server(lambda c: c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        assert in_words(failing(f"https://127.0.0.1:{port}/")) == "no TLS connection could be made"


def test_the_engine(tmp_path):
    """Its SDK wraps the operating system's error in texts of three libraries."""
    with pytest.raises(docker.errors.DockerException) as raised:
        docker.DockerClient(base_url=f"unix://{tmp_path}/none.sock", version="auto")
    assert in_words(raised.value) == "No such file or directory"
    said = docker.errors.APIError("500 Server Error for http+docker://localhost/v1.41", explanation="no space left")
    assert in_words(said) == "no space left"


@pytest.mark.parametrize(
    "error",
    [
        requests.exceptions.ConnectionError("HTTPConnectionPool(host='localhost', port=5001): Max retries exceeded"),
        requests.exceptions.ConnectionError(),
        OSError("<urllib3.connection.HTTPConnection object at 0x7f1c>: Failed"),
    ],
)
def test_what_has_no_known_cause_shows_no_names_of_python(error):
    assert in_words(error) == "the connection failed"


def test_other_texts_stay():
    assert in_words(OSError(28, "No space left on device")) == "No space left on device"
    assert in_words(OSError("the engine published no port for 5000")) == "the engine published no port for 5000"
    assert in_words(http.client.HTTPException()) == "the connection broke off"


def test_errors_of_the_kit_keep_their_words():
    try:
        try:
            raise ConnectionRefusedError(111, "refused")
        except OSError:
            raise EnvironmentProblem(expected="e", found="a plain sentence", next_step="n") from None
    except EnvironmentProblem as problem:
        assert "a plain sentence" in in_words(problem)
    assert services_http.causes(ValueError("v"))


def test_a_student_whose_registry_is_down_reads_no_names_of_python(closed):
    with pytest.raises(EnvironmentProblem) as raised:
        RegistryClient(f"127.0.0.1:{closed}").tags("team/model")
    assert raised.value.found == "no answer: the connection was refused"

"""Where the Engine is looked for: as Docker's own environment variables say."""

import socket
import threading
from pathlib import Path

import pytest

from netctl.engine.protocol import Context
from netctl.errors import BackendError
from reconcilers.docker import SYSTEM
from reconcilers.docker.engine import Engine as Address
from reconcilers.docker.engine import find_engine
from tests.docker.engine import Engine

WHERE = {
    "": ("/var/run/docker.sock", "", 0, False),
    "unix:///run/other.sock": ("/run/other.sock", "", 0, False),
    "tcp://192.0.2.1": ("", "192.0.2.1", 2375, False),
    "tcp://[2001:db8::1]:99": ("", "2001:db8::1", 99, False),
    "https://docker.example.com": ("", "docker.example.com", 2376, True),
}


@pytest.mark.parametrize("url", WHERE)
def test_docker_host_names_the_engine(url: str) -> None:
    found = find_engine(Context(), {"DOCKER_HOST": url} if url else {})
    assert (found.socket, found.host, found.port, found.certificates is not None) == WHERE[url]
    assert found.is_default is not bool(url)


def test_tls_is_used_where_it_is_to_be_verified(tmp_path: Path) -> None:
    variables = {"DOCKER_HOST": "tcp://192.0.2.1", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
    found = find_engine(Context(), variables)
    assert (found.port, found.certificates, found.verify) == (2376, tmp_path, True)


def test_certificates_that_are_not_there_are_told_by_their_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    with SYSTEM.reader(Context()) as reader, pytest.raises(BackendError, match=str(tmp_path)):
        list(reader.discover())


@pytest.mark.parametrize("url", ["ssh://root@192.0.2.1", "unix://relative", "npipe:////./pipe/docker", "tcp://a:b:c"])
def test_what_is_not_understood_is_told(url: str) -> None:
    with pytest.raises(BackendError, match="DOCKER_HOST"):
        find_engine(Context(), {"DOCKER_HOST": url})


def test_a_time_limit_of_dockers_own_is_kept() -> None:
    assert find_engine(Context(), {"DOCKER_CLIENT_TIMEOUT": "3"}).limits == (3.0, 3.0)
    assert find_engine(Context(), {"DOCKER_CLIENT_TIMEOUT": "soon"}).limits == Address("").limits


def test_the_engine_is_reached_by_tcp(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_forward, args=(server, str(engine.socket)), daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.getsockname()[1]}")
        with SYSTEM.reader(Context()) as reader:
            [capability] = reader.capabilities()
    assert capability.available


def _forward(server: socket.socket, path: str) -> None:
    """Pass one connection on, a request and an answer at a time."""
    client, _ = server.accept()
    with client, socket.socket(socket.AF_UNIX) as target:
        target.connect(path)
        while request := client.recv(1 << 16):
            target.sendall(request)
            client.sendall(target.recv(1 << 16))

"""Connections to the Engine: by its Unix socket, or by TCP, with TLS or without."""

import http.client

from netctl.errors import BackendError
from reconcilers.docker.engine import Engine
from reconcilers.requests import unix_socket


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = unix_socket(self._path, self.timeout)


def connect(engine: Engine, timeout: float) -> http.client.HTTPConnection:
    """A connection, opened by its first request. Raises BackendError for certificates that cannot be used."""
    if engine.socket:
        return UnixConnection(engine.socket, timeout)
    if engine.certificates is None:
        return http.client.HTTPConnection(engine.host, engine.port, timeout=timeout)
    return _secure(engine, timeout)


def _secure(engine: Engine, timeout: float) -> http.client.HTTPSConnection:
    import ssl

    from reconcilers.tls import trusting

    directory = engine.certificates
    if directory is None:
        raise ValueError("an Engine without TLS")
    try:
        context = trusting(str(directory / "ca.pem") if engine.verify else None)
        if not engine.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if (directory / "cert.pem").exists():
            context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    except (OSError, ssl.SSLError) as error:
        raise BackendError(
            f"the certificates for Docker in {directory} cannot be used: {error}",
            "Set DOCKER_CERT_PATH to the directory of ca.pem, cert.pem and key.pem.",
        ) from error
    return http.client.HTTPSConnection(engine.host, engine.port, timeout=timeout, context=context)

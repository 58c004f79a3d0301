"""Connections to Consul: by a Unix socket, or by TCP, with TLS or without, from the namespace that is acted in."""

import http.client
import socket

from netctl.errors import BackendError
from netctl.system.namespaces import inside
from reconcilers.consul.agent import Agent, Tls
from reconcilers.requests import unix_socket


class Connection(http.client.HTTPConnection):
    """HTTP to one agent."""

    def __init__(self, agent: Agent, netns: str, timeout: float) -> None:
        super().__init__(agent.host or "localhost", agent.port or None, timeout=timeout)
        self._agent = agent
        self._netns = netns

    def connect(self) -> None:
        """Open the socket."""
        opened = open_socket(self._agent, self._netns, self.timeout)
        try:
            self.sock = _secured(opened, self._agent) if self._agent.tls else opened
        except BaseException:
            opened.close()
            raise


def open_socket(agent: Agent, netns: str, timeout: float | None) -> socket.socket:
    """A connected socket. Raises OSError, BackendError where the namespace cannot be entered."""
    if agent.socket:
        return unix_socket(agent.socket, timeout)
    with inside(netns):
        opened = socket.create_connection((agent.host, agent.port), timeout)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def _secured(opened: socket.socket, agent: Agent) -> socket.socket:
    import ssl

    from reconcilers.tls import trusting

    tls = agent.tls or Tls()
    try:
        context = trusting(tls.ca_file or None, tls.ca_directory or None)
        if tls.certificate:
            context.load_cert_chain(tls.certificate, tls.key or None)
    except OSError as error:  # of which ssl.SSLError is one
        raise BackendError(
            f"the certificates for Consul cannot be used: {error.strerror or error}",
            "Correct CONSUL_CACERT, CONSUL_CAPATH, CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY.",
        ) from error
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(opened, server_hostname=tls.server_name or agent.host)

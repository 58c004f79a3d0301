"""A plugin of Docker's: a driver for networks and one for their addresses, over HTTP on a socket that the Engine finds.

As in Docker's "Docker Plugin API" and libnetwork's ``docs/remote.md`` and ``docs/ipam.md``.
"""

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_network
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from types import TracebackType
from typing import Any, Self

from tests.support.namespaces import ip

_DIRECTORY = Path("/run/docker/plugins")
"""Where every Engine of the machine looks."""


class Plugin:
    """The drivers. A network is a bridge, an endpoint a veth pair whose far end the Engine puts into the container."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.name = f"nct{secrets.token_hex(4)}"
        self.calls: list[tuple[str, dict[str, Any]]] = []
        """What the Engine has asked for, in order."""
        self.networks: dict[str, dict[str, Any]] = {}
        """Those that there are by now, as they were asked for, by id."""
        self._path = _DIRECTORY / f"{self.name}.sock"
        self._pools: dict[str, int] = {}

    def __enter__(self) -> Self:
        _DIRECTORY.mkdir(parents=True, exist_ok=True)
        self._server = _Server(str(self._path), _Handler)
        self._server.plugin = self
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join(timeout=30)
        self._server.server_close()
        self._path.unlink()

    def named(self, call: str) -> list[dict[str, Any]]:
        """What was asked for by the calls of one name."""
        return [asked for name, asked in self.calls if name.endswith(call)]

    def answer(self, call: str, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer to a call."""
        self.calls.append((call, asked))
        driver, _, name = call.rpartition(".")
        answers = getattr(self, f"_{driver.strip('/').lower()}_{name.lower()}", None)
        return {} if answers is None else answers(asked)

    def _plugin_activate(self, _asked: dict[str, Any]) -> dict[str, Any]:
        return {"Implements": ["NetworkDriver", "IpamDriver"]}

    def _networkdriver_getcapabilities(self, _asked: dict[str, Any]) -> dict[str, Any]:
        return {"Scope": "local", "ConnectivityScope": "local"}

    def _networkdriver_createnetwork(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.networks[asked["NetworkID"]] = asked
        ip(self.namespace, f"link add {_bridge(asked)} type bridge", f"link set {_bridge(asked)} up")
        return {}

    def _networkdriver_deletenetwork(self, asked: dict[str, Any]) -> dict[str, Any]:
        del self.networks[asked["NetworkID"]]
        ip(self.namespace, f"link delete {_bridge(asked)}")
        return {}

    def _networkdriver_createendpoint(self, _asked: dict[str, Any]) -> dict[str, Any]:
        return {"Interface": {}}

    def _networkdriver_join(self, asked: dict[str, Any]) -> dict[str, Any]:
        near, far = (f"{side}{asked['EndpointID'][:10]}" for side in "vw")
        add = f"link add {near} type veth peer name {far}"
        ip(self.namespace, add, f"link set {near} master {_bridge(asked)} up")
        return {"InterfaceName": {"SrcName": far, "DstPrefix": "eth"}}

    def _networkdriver_leave(self, asked: dict[str, Any]) -> dict[str, Any]:
        ip(self.namespace, f"link delete v{asked['EndpointID'][:10]}")
        return {}

    def _ipamdriver_getdefaultaddressspaces(self, _asked: dict[str, Any]) -> dict[str, Any]:
        return {"LocalDefaultAddressSpace": self.name, "GlobalDefaultAddressSpace": self.name}

    def _ipamdriver_requestpool(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._pools[asked["Pool"]] = 0
        return {"PoolID": asked["Pool"], "Pool": asked["Pool"], "Data": {}}

    def _ipamdriver_requestaddress(self, asked: dict[str, Any]) -> dict[str, Any]:
        subnet = ip_network(asked["PoolID"])
        self._pools[asked["PoolID"]] += 1
        given = asked["Address"] or str(subnet[self._pools[asked["PoolID"]]])
        return {"Address": f"{given}/{subnet.prefixlen}", "Data": {}}


def _bridge(asked: dict[str, Any]) -> str:
    return f"b{asked['NetworkID'][:10]}"


class _Server(ThreadingUnixStreamServer):
    plugin: Plugin
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Every call is one."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = json.dumps(self.server.plugin.answer(self.path, json.loads(content) if content else {})).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.docker.plugins.v1+json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""

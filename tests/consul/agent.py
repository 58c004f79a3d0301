"""A real Consul agent in a network namespace, with all that it keeps in a directory of its own."""

import http.client
import json
import shutil
import signal
import socket
import subprocess
import tempfile
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tests.support.namespaces import kill_all_in, run_in, wait_until

_STARTING = 60


class Refused(Exception):  # noqa: N818 - what an agent answers, which tests expect
    """An answer that is no success."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("consul", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Agent:
    """One agent, on Consul's own ports in the namespace, and on a Unix socket for the test to ask."""

    def __init__(self, namespace: str, node: str = "n1", settings: Mapping[str, Any] | None = None) -> None:
        self.namespace = namespace
        self.node = node
        self.directory = Path(tempfile.mkdtemp(prefix="nctc-"))
        self.socket = self.directory / "sock"
        self.token = ""
        """What this client says who it is."""
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What CONSUL_HTTP_ADDR is to be, outside of the namespace."""
        return f"unix://{self.socket}"

    def start(self, *, wait: bool = True) -> None:
        """Start the agent; wait until it has a leader."""
        (self.directory / "config.json").write_text(json.dumps(self._configuration()))
        argv = ["ip", "netns", "exec", self.namespace, "consul", "agent", "-config-file"]
        argv += [str(self.directory / "config.json")]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        if wait:
            wait_until(self.has_leader, _STARTING, "the agent has a leader")
            wait_until(self.is_settled, _STARTING, "the catalog has the servers")

    def _configuration(self) -> dict[str, Any]:
        usual = {
            "server": True,
            "bootstrap_expect": 1,
            "bind_addr": "127.0.0.1",
            "node_name": self.node,
            "data_dir": str(self.directory / "data"),
            "addresses": {"http": f"127.0.0.1 unix://{self.socket}"},
            "ports": {"dns": 8600, "grpc": -1},
            "enable_script_checks": True,
            "disable_update_check": True,
            "leave_on_terminate": False,
            "log_level": "debug",
            "performance": {"raft_multiplier": 1},
            "connect": {"enabled": True},
        }
        merged = {**usual, **self._settings}
        return {key: value for key, value in merged.items() if value is not None}

    def has_leader(self) -> bool:
        """Whether the servers have one."""
        with suppress(OSError, Refused, http.client.HTTPException):
            return bool(self.get("status/leader"))
        return False

    def is_settled(self) -> bool:
        """Whether the agent has told the catalog of itself."""
        nodes = self.get("catalog/nodes")
        return bool(nodes and nodes[0]["Meta"] and self.get("catalog/service/consul"))

    def log(self) -> str:
        """All that the agent has logged."""
        return (self.directory / "log").read_text(errors="replace")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the agent."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=30)
            self._process = None

    def send(self, how: signal.Signals) -> None:
        """Send the agent a signal."""
        assert self._process is not None
        self._process.send_signal(how)

    def remove(self) -> None:
        """End the agent, and remove all that it has made."""
        try:
            self.stop(signal.SIGKILL)
        finally:
            kill_all_in(self.namespace)
            shutil.rmtree(self.directory)

    # What tests ask of it

    def get(self, path: str, **query: str) -> Any:
        """The answer to a GET; None where there is nothing."""
        try:
            return self.request("GET", path, None, **query)
        except Refused as refusal:
            if refusal.status != http.client.NOT_FOUND:
                raise
            return None

    def put(self, path: str, body: Any = None, **query: str) -> Any:
        """The answer to a PUT."""
        return self.request("PUT", path, body, **query)

    def delete(self, path: str, **query: str) -> Any:
        """The answer to a DELETE."""
        return self.request("DELETE", path, None, **query)

    def request(self, method: str, path: str, body: Any, **query: str) -> Any:
        """Any answer, from JSON. Raises Refused."""
        connection = _Unix(self.socket)
        try:
            content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
            target = f"/v1/{path}" + (f"?{urlencode(query)}" if query else "")
            connection.request(method, target, content, {"X-Consul-Token": self.token} if self.token else {})
            answer = connection.getresponse()
            read = answer.read()
        finally:
            connection.close()
        if answer.status >= http.client.BAD_REQUEST:
            raise Refused(answer.status, read.decode(errors="replace"))
        try:
            return json.loads(read) if read.strip() else None
        except ValueError:
            return read.decode()

    def service(self, ident: str) -> dict[str, Any] | None:
        """A service of the agent; None where there is none."""
        found: dict[str, Any] | None = self.get(f"agent/service/{quote(ident, safe='')}")
        return found

    def services(self) -> dict[str, Any]:
        """Every service of the agent, less what differs each time."""
        found: dict[str, Any] = self.get("agent/services")
        return found

    def checks(self, ident: str = "") -> dict[str, Any]:
        """The checks of the agent, or of one of its services."""
        found: dict[str, Any] = self.get("agent/checks")
        return {name: check for name, check in found.items() if ident in {"", check["ServiceID"]}}

    def keys(self) -> dict[str, tuple[bytes, int]]:
        """Every key, with value and flags."""
        found = self.get("kv/", recurse="") or []
        return {entry["Key"]: (b64decode(entry["Value"] or ""), entry["Flags"]) for entry in found}

    def snapshot(self) -> dict[str, Any]:
        """All that there is, as long as nobody changes it."""
        nodes = self.get("catalog/nodes")
        return {
            "services": self.services(),
            "checks": sorted(self.checks()),
            "keys": self.keys(),
            "nodes": sorted((node["Node"], node["Address"], json.dumps(node["Meta"])) for node in nodes),
            "catalog": self.get("catalog/services"),
            "mesh": [_less(entry, *_TOLD) for path in _MESH for entry in self.get(path) or ()],
        }

    def clean(self) -> None:
        """Remove all services, keys and further nodes, and the firewall that a test's policies have made."""
        run_in(self.namespace, ["nft", "flush", "ruleset"])
        for ident in self.services():
            self.put(f"agent/service/deregister/{quote(ident, safe='')}")
        for ident in self.checks():
            self.put(f"agent/check/deregister/{quote(ident, safe='')}")
        for session in self.get("session/list"):
            self.put(f"session/destroy/{session['ID']}")
        self.delete("kv/", recurse="")
        self._clean_mesh()
        for node in self.get("catalog/nodes"):
            if node["Node"] != self.node:
                self.put("catalog/deregister", {"Node": node["Node"]})
        wait_until(lambda: set(self.get("catalog/services")) == {"consul"}, what="only Consul itself is left")

    def entry(self, kind: str, name: str) -> dict[str, Any] | None:
        """A config entry; None where there is none."""
        found: dict[str, Any] | None = self.get(f"config/{kind}/{name}")
        return found

    def query(self, name: str) -> dict[str, Any] | None:
        """A prepared query by its name; None where there is none."""
        return next((query for query in self.get("query") if query["Name"] == name), None)

    def intentions(self) -> dict[tuple[str, str], str]:
        """What intentions say, by source and destination."""
        return {(one["SourceName"], one["DestinationName"]): one["Action"] for one in self.get("connect/intentions")}

    def _clean_mesh(self) -> None:
        for query in self.get("query"):
            self.delete(f"query/{query['ID']}")
        for intention in self.get("connect/intentions"):
            self.delete(f"connect/intentions/{intention['ID']}")
        for kind in ENTRY_KINDS:
            for entry in self.get(f"config/{kind}"):
                self.delete(f"config/{kind}/{entry['Name']}")


ENTRY_KINDS = (
    *("ingress-gateway", "terminating-gateway", "service-router", "service-splitter", "service-resolver"),
    *("service-defaults", "proxy-defaults"),
)
"""Those that need others before the others."""
_MESH = ("query", "connect/intentions", *(f"config/{kind}" for kind in ENTRY_KINDS))
_TOLD = ("ID", "CreateIndex", "ModifyIndex", "CreatedAt", "UpdatedAt", "Hash")


def _less(entry: dict[str, Any], *fields: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in fields}

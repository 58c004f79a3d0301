"""A real Docker Engine in a network namespace, with all that it keeps in a directory of its own."""

import io
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException

from tests.support.namespaces import kill_all_in, run, run_in, wait_until

IMAGE = "netctl-test:1"
_STARTING = 180
_ATTEMPTS = 3
_ANSWERS = "answers"
_CGROUPS = Path("/sys/fs/cgroup")
_PREDEFINED = {"bridge", "host", "none", "docker_gwbridge", "ingress"}


class Engine:
    """One Engine. Its rules of iptables are the namespace's."""

    def __init__(self, namespace: str, *arguments: str) -> None:
        self.namespace = namespace
        self.arguments = arguments
        """Further ones for ``dockerd``."""
        self.directory = Path(tempfile.mkdtemp(prefix="nctd-"))
        self.cgroup = f"nctd-{secrets.token_hex(4)}"
        self.socket = self.directory / "sock"
        self.api: Any = None
        """Docker's own client for Python: what it says is what is so."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What DOCKER_HOST is to be."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start the Engine, and wait until it answers. On a busy machine it gives its containerd up too early."""
        for _ in range(_ATTEMPTS):
            self._process = self._started()
            if wait_until(self._answers_or_ended, _STARTING, "the Engine answers or ends") == _ANSWERS:
                break
        else:
            raise AssertionError(f"dockerd ended: {self.log()}")
        self.api = docker.APIClient(self.url, timeout=_STARTING)
        if not self.api.images(IMAGE):
            self.api.import_image_from_data(_image(), repository=IMAGE.partition(":")[0], tag="1")

    def _started(self) -> subprocess.Popen[bytes]:
        settings = self.directory / "daemon.json"
        settings.write_text(json.dumps({"deprecated-key-path": str(self.directory / "key.json")}))
        argv = ["nsenter", f"--net=/run/netns/{self.namespace}", "dockerd", "--data-root", f"{self.directory}/data"]
        argv += ["--exec-root", f"{self.directory}/exec", "-p", f"{self.directory}/pid", "-H", self.url]
        argv += ["--config-file", str(settings), "--cgroup-parent", f"/{self.cgroup}", "--shutdown-timeout", "1"]
        argv += self.arguments
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def _answers_or_ended(self) -> str:
        if self._process is not None and self._process.poll() is not None:
            kill_all_in(self.namespace)
            (self.directory / "pid").unlink(missing_ok=True)
            return "ended"
        return _ANSWERS if self._answers() else ""

    def _answers(self) -> bool:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in connection.recv(100)
        return False

    def log(self) -> str:
        """The end of what the Engine has logged."""
        return (self.directory / "log").read_text(errors="replace")[-3000:]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the Engine; its containers end with it."""
        if self.api is not None:
            self.api.close()
            self.api = None
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=_STARTING)
            self._process = None
        if how is signal.SIGKILL:
            kill_all_in(self.namespace)
            (self.directory / "pid").unlink(missing_ok=True)

    def send(self, how: signal.Signals) -> None:
        """Send the Engine a signal."""
        assert self._process is not None
        self._process.send_signal(how)

    def remove(self) -> None:
        """End the Engine and remove all that it has made."""
        if self.api is not None:
            with suppress(DockerException, OSError):
                self.clean()
        try:
            self.stop()
        finally:
            kill_all_in(self.namespace)
            self._unmount()
            shutil.rmtree(self.directory)
            for group in _CGROUPS.glob(f"*/{self.cgroup}"):
                group.rmdir()
            for group in _CGROUPS.glob(self.cgroup):
                group.rmdir()

    def clean(self) -> None:
        """Remove every container, network and volume."""
        for container in self.api.containers(all=True):
            self.api.remove_container(container["Id"], force=True)
        for network in self.api.networks():
            if network["Name"] not in _PREDEFINED:
                self.api.remove_network(network["Id"])
        for volume in self.api.volumes()["Volumes"] or ():
            self.api.remove_volume(volume["Name"])

    def _unmount(self) -> None:
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in reversed([mount for mount in mounts if mount.startswith(f"{self.directory}/")]):
            run(["umount", "-l", mount])

    # What tests do with it

    def run(self, name: str, *, network: str | None = None, command: Sequence[str] = (), **labels: str) -> str:
        """The id of a new running container."""
        ident = self.create(name, network=network, command=command, **labels)
        self.api.start(ident)
        return ident

    def create(self, name: str, *, network: str | None = None, command: Sequence[str] = (), **labels: str) -> str:
        """The id of a new container that does not run."""
        host = self.api.create_host_config(network_mode=network, init=False)
        argv = list(command) or ["sleep", "3600"]
        made = self.api.create_container(IMAGE, argv, name=name, labels=labels, host_config=host)
        return str(made["Id"])

    def network(self, name: str) -> dict[str, Any] | None:
        """All about a network; None where there is none."""
        try:
            found: dict[str, Any] = self.api.inspect_network(name)
        except APIError as error:
            if error.status_code != 404:
                raise
            return None
        return found

    def endpoint(self, container: str, network: str) -> dict[str, Any] | None:
        """A container's endpoint; None where it is not on the network."""
        found = self.api.inspect_container(container)["NetworkSettings"]["Networks"]
        endpoint: dict[str, Any] | None = found.get(network)
        return endpoint

    def address(self, container: str, network: str) -> str:
        """The container's IPv4 address on the network."""
        endpoint = self.endpoint(container, network)
        assert endpoint is not None, f"{container} is not on {network}"
        return str(endpoint["IPAddress"])

    def on(self, network: str) -> set[str]:
        """The names of the running containers on a network."""
        found = self.network(network)
        return {entry["Name"] for entry in found["Containers"].values()} if found else set()

    def execute(self, container: str, *argv: str) -> tuple[int, str]:
        """The exit code and the output of a program in a container."""
        started = self.api.exec_create(container, list(argv))["Id"]
        output = self.api.exec_start(started)
        return int(self.api.exec_inspect(started)["ExitCode"]), output.decode(errors="replace")

    def pings(self, container: str, target: str) -> bool:
        """Whether a container reaches a name or an address."""
        return self.execute(container, "ping", "-c", "1", "-W", "2", target)[0] == 0

    def snapshot(self) -> dict[str, Any]:
        """What there is, to compare with later: networks, containers with where they are, volumes."""
        return {
            "networks": sorted(network["Id"] for network in self.api.networks()),
            "volumes": sorted(volume["Name"] for volume in self.api.volumes()["Volumes"] or ()),
            "endpoints": sorted(self._endpoints()),
        }

    def _endpoints(self) -> Iterator[tuple[str, str, str]]:
        for container in self.api.containers(all=True):
            for name, endpoint in container["NetworkSettings"]["Networks"].items():
                yield container["Names"][0], name, endpoint["IPAddress"]

    def rules(self) -> str:
        """The rules of the namespace that Docker's are among."""
        return run_in(self.namespace, ["iptables-save"]).stdout


def _image() -> bytes:
    """A root file system of busybox alone."""
    busybox = shutil.which("busybox")
    assert busybox, "busybox is missing: apt-get install busybox-static"
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.add(busybox, "bin/busybox")
        for applet in ("sh", "sleep", "ping", "nc", "httpd", "ip", "nslookup", "cat", "wget", "true"):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        for directory in ("tmp", "etc", "proc", "dev", "sys"):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
    return content.getvalue()


def demand_root() -> None:
    """Fail where an Engine cannot be started."""
    assert os.geteuid() == 0, "an Engine needs root: sudo make test"
    assert shutil.which("dockerd"), "dockerd is missing: tools/setup.sh system"

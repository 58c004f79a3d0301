"""``netctl dns`` as a process of its own at a free port, and queries to it by dnspython and by dig."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.message
import dns.query
import dns.rdatatype

_PATIENCE = 30


class Served:
    """A server that is running."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def ask(self, name: str, type_: str = "A", *, tcp: bool = False, size: int = 0) -> dns.message.Message:
        """The reply to a query; with *size*, by EDNS, else without."""
        query = dns.message.make_query(name, type_, use_edns=0 if size else False, payload=size or None)
        send = dns.query.tcp if tcp else dns.query.udp
        return send(query, "127.0.0.1", timeout=_PATIENCE, port=self.port)

    def find(self, name: str, type_: str = "A") -> set[str]:
        """The data of the answer's records of that type; the reply is without an error."""
        reply = self.ask(name, type_)
        assert reply.rcode() == 0, reply
        return {str(data) for found in reply.answer for data in found if found.rdtype == dns.rdatatype.from_text(type_)}

    def rcode(self, name: str, type_: str = "A") -> str:
        """``NXDOMAIN``, ``NODATA`` (with the SOA that both have), or ``ANSWER``."""
        reply = self.ask(name, type_)
        if reply.answer:
            return "ANSWER"
        assert [found.rdtype for found in reply.authority] == [dns.rdatatype.SOA], reply
        return {0: "NODATA", 3: "NXDOMAIN"}[reply.rcode()]

    def dig(self, *arguments: str) -> list[str]:
        """The lines that dig prints."""
        argv = ["dig", "@127.0.0.1", "-p", str(self.port), "+tries=1", f"+time={_PATIENCE}", *arguments]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()


@contextmanager
def serving(
    text: str, directory: Path, *options: str, listen: str = "127.0.0.1:0", within: str = ""
) -> Iterator[Served]:
    """Serves a stack meanwhile, *within* a namespace if one is named; the process ends well."""
    path = directory / "stack.yaml"
    path.write_text(text, encoding="utf-8")
    argv = ["ip", "netns", "exec", within] if within else []
    argv += [sys.executable, "-m", "netctl", "dns", "-f", str(path), "--listen", listen, *options]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Served(process, _port(process))
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=_PATIENCE)
            assert (process.returncode, said) == (0, "")
        finally:
            process.kill()


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.fullmatch(r"Serving DNS at \S+ port (\d+)\.\n", line)
    assert found, line + process.stderr.read()
    return int(found[1])

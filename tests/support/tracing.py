"""What a program asks the kernel to change, whether or not that changes anything.

The kernel is silent about a request for what is so already. ``strace`` sees it: netlink requests, also those of
programs that the program starts, and sysctls opened for writing.
"""

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.namespaces import run, run_in

_STRACE = ["strace", "-f", "-qq", "-v", "-s", "1000000", "--seccomp-bpf", "-e", "trace=sendto,sendmsg,sendmmsg,openat"]
_REQUEST = re.compile(r"nlmsg_type=(?:NFNL_SUBSYS_NFTABLES<<8\|)?(\w+)")
_SYSCTL = re.compile(r'openat\(.*"(/proc/sys/[^"]+)", O_(?:WRONLY|RDWR)')
_FRAME = re.compile(r"(NFNL_MSG_BATCH_(BEGIN|END)|NLMSG_(NOOP|DONE)|0)\Z")
_ADDRESSED_TO_NETLINK = re.compile(r"send\w*\(.*AF_NETLINK")

# Of a socket that belongs to another namespace strace does not know the protocol, and shows numbers.
# NFT_MSG_GETTABLE … NFT_MSG_GETFLOWTABLE (linux/netfilter/nf_tables.h); RTM_GETLINK … (linux/rtnetlink.h), which are
# none of nfnetlink's own messages.
_NUMBERED_READS = {f"0xa{number:02x}" for number in (1, 4, 7, 10, 13, 16, 19, 23)}
_NUMBERED_READS |= {f"{number:#x}" for number in range(18, 128, 4)}


class Trace(NamedTuple):
    """A finished program, and the writes that it asked for: ``RTM_NEWROUTE``, ``NFT_MSG_DELTABLE``, ``/proc/sys/…``."""

    finished: subprocess.CompletedProcess[str]
    writes: list[str]


def trace(argv: Sequence[str], *, ns: str = "", check: bool = True, timeout: float = 120) -> Trace:
    """Run the program, inside *ns* where one is given, and record its writes."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace", suffix=".strace") as log:
        command = [*_STRACE, "-o", log.name, "--", *argv]
        if ns:
            finished = run_in(ns, command, check=check, timeout=timeout)
        else:
            finished = run(command, check=check, timeout=timeout)
        lines = Path(log.name).read_text(encoding="utf-8", errors="replace").splitlines()
    return Trace(finished, [write for line in lines for write in _writes(line)])


def _writes(line: str) -> list[str]:
    if opened := _SYSCTL.search(line):
        return [opened[1]]
    requests = _REQUEST.findall(line)
    # Unknown is not nothing: a message in several pieces is shown as text, which cannot be told from a write.
    if not requests and _ADDRESSED_TO_NETLINK.search(line):
        return [f"undecoded: {line}"]
    return [name for name in requests if not _reads(name)]


def _reads(name: str) -> bool:
    return "_GET" in name or name in _NUMBERED_READS or bool(_FRAME.match(name))

"""The main job before the reader's eyes: plan, apply, drift and repair of ``examples/quickstart.yaml``.

Everything happens in network namespaces: two hosts, a router between them that plays the outside world, and the four
endpoints of the stack. They live in a mount namespace of this process alone, so that no name can clash with one of the
machine's own and nothing is left even where the demonstration is killed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
STACK = "examples/quickstart.yaml"
HOSTS = ("node1", "node2")
ENDPOINTS = ("web", "db", "job-1", "job-2")
OUTSIDE = "198.51.100.1"
STAGED = "NETCTL_DEMO_STAGED"

STAGE = f"""
link set lo up
link add underlay type bridge
link set underlay up
addr add 192.0.2.1/24 dev underlay
addr add {OUTSIDE}/32 dev lo
"""
HOST = """
link set lo up
link set eth0 up
addr add {address}/24 dev eth0
route add default via 192.0.2.1
"""
SNAPSHOT = (
    "ip -d addr show",
    "ip -d -4 route show table all",
    "ip -d -6 route show table all",
    "ip -4 rule show",
    "ip -6 rule show",
    "ip neigh show nud permanent",
    "bridge fdb show",
    "nft list ruleset",
)


class DemoError(Exception):
    """A step did not end as it should have."""


def main() -> int:
    """Run the demonstration; the exit code is 0 only where every step ended as it should."""
    if os.geteuid() != 0:
        print("make demo: network namespaces need root; try: sudo make demo", file=sys.stderr)
        return 1
    if STAGED not in os.environ:
        return enter_mount_namespace()
    try:
        run()
    except DemoError as error:
        print(f"\nThe demonstration failed: {error}", file=sys.stderr)
        return 1
    return 0


def enter_mount_namespace() -> int:
    """Run this program again where its mounts are its own."""
    command = ["unshare", "--mount", "--propagation", "private", "--", sys.executable, __file__]
    return subprocess.run(command, env={**os.environ, STAGED: "1"}, check=False).returncode


def run() -> None:
    """All of it, in order."""
    set_the_stage()
    before = {host: snapshot(host) for host in HOSTS}

    title("Is the declaration right? No system is touched for that")
    netctl("validate", "-f", STACK)
    title("What would change on node1?")
    netctl("plan", "-f", STACK, "--host", "node1", "--netns", "node1")
    title("Make it so, on both hosts")
    for host in HOSTS:
        netctl("apply", "-f", STACK, "--host", host, "--netns", host)

    title("Real packets")
    ping("web", "10.20.0.10", "from one bridge to the other, by the host between them")
    ping("web", OUTSIDE, "to the outside, which knows no way back but to the host: by NAT")
    ping("web", "fd00:10::1", "IPv6, to the gateway")
    ping("job-1", "10.42.2.10", "between the hosts, through VXLAN")

    title("Plan again: nothing to do")
    for host in HOSTS:
        expect_no_changes(host)

    title("Someone breaks it: a route, a forwarding entry and a bridge are deleted behind netctl's back")
    break_it()
    ping("job-1", "10.42.2.10", "the overlay", reached=False)
    title("What has drifted?")
    netctl("plan", "-f", STACK, "--host", "node1", "--netns", "node1")
    title("Repair it")
    netctl("apply", "-f", STACK, "--host", "node1", "--netns", "node1")
    ping("job-1", "10.42.2.10", "the overlay")
    ping("web", "10.20.0.10", "the two bridges")
    expect_no_changes("node1")

    title("Take everything away")
    for host in HOSTS:
        netctl("destroy", "-f", STACK, "--host", host, "--netns", host, "--yes")
    title("Is anything left?")
    for host in HOSTS:
        compare(host, before[host])


def set_the_stage() -> None:
    """Two hosts on one link with a router, and four empty endpoints."""
    title("The stage: two hosts, the outside world, and four endpoints, each a network namespace")
    if shutil.which("nft") is None:
        raise DemoError("nft, which only this demonstration uses to look, is missing: apt-get install nftables")
    Path("/run/netns").mkdir(exist_ok=True)
    sh("mount", "-t", "tmpfs", "netctl-demo", "/run/netns")
    for name in ("outside", *HOSTS, *ENDPOINTS):
        sh("ip", "netns", "add", name)
    ip_batch("outside", STAGE)
    for number, host in enumerate(HOSTS, start=1):
        sh("ip", "-n", "outside", "link", "add", host, "type", "veth", "peer", "name", "eth0", "netns", host)
        sh("ip", "-n", "outside", "link", "set", host, "master", "underlay", "up")
        ip_batch(host, HOST.format(address=f"192.0.2.1{number}"))
    while any("tentative" in sh("ip", "-n", host, "-6", "addr", "show", "tentative") for host in HOSTS):
        time.sleep(0.05)  # the kernel is still looking for duplicates of the stage's own IPv6 addresses
    for host in HOSTS:
        print(f"  {host}: {sh('ip', '-n', host, '-brief', '-4', 'addr', 'show', 'eth0').strip()}")


def break_it() -> None:
    """What an operator, or another program, might do at night."""
    vtep = sh("bridge", "-n", "node1", "fdb", "show", "dev", "nc-pods-vxlan").split()[0]
    for command in (
        ["ip", "-n", "node1", "route", "del", "10.42.2.0/24"],
        ["bridge", "-n", "node1", "fdb", "del", vtep, "dev", "nc-pods-vxlan", "dst", "192.0.2.12", "self"],
        ["ip", "-n", "node1", "link", "del", "nc-backend"],
    ):
        print(f"  # {' '.join(command)}")
        sh(*command)


def title(text: str) -> None:
    """Announce a step."""
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("", "")
    print(f"\n{bold}==> {text}{plain}", flush=True)


def netctl(*arguments: str) -> None:
    """Run netctl as a user would, its output shown."""
    print(f"\n$ netctl {' '.join(arguments)}", flush=True)
    command = [sys.executable, "-m", "netctl", *arguments]
    # The state directory is in the mount namespace's own tmpfs, so that it goes with it.
    environment = {**os.environ, "NETCTL_STATE_DIR": "/run/netns/.state"}
    if subprocess.run(command, cwd=PROJECT, env=environment, check=False, stdin=subprocess.DEVNULL).returncode != 0:
        raise DemoError(f"netctl {arguments[0]} failed")


def expect_no_changes(host: str) -> None:
    """Plan, and demand that there is nothing to do."""
    netctl("plan", "-f", STACK, "--host", host, "--netns", host, "--detailed-exitcode")


def ping(source: str, target: str, what: str, *, reached: bool = True) -> None:
    """One echo request from a namespace; fails where the answer is not as expected."""
    command = ["ip", "netns", "exec", source, "ping", "-c", "1", "-W", "1", target]
    answered = subprocess.run(command, check=False, capture_output=True).returncode == 0
    print(f"  {source} -> {target:<14} {'answers' if answered else 'no answer'}  ({what})", flush=True)
    if answered is not reached:
        raise DemoError(f"{source} should {'' if reached else 'not '}reach {target}")


def snapshot(host: str) -> dict[str, str]:
    """Everything that a stack could have touched on a host, as the system's own tools print it."""
    return {command: sh("ip", "netns", "exec", host, *command.split()) for command in SNAPSHOT}


def compare(host: str, before: dict[str, str]) -> None:
    """Demand that the host is as it was."""
    after = snapshot(host)
    for command in SNAPSHOT:
        if after[command] != before[command]:
            raise DemoError(f"{host} is not as it was; `{command}` was\n{before[command]}\nand is\n{after[command]}")
    print(f"  {host}: links, addresses, routes, rules, neighbours, forwarding entries and nftables are as they were")


def ip_batch(netns: str, commands: str) -> None:
    """Run lines of ``ip`` in a namespace."""
    with tempfile.NamedTemporaryFile("w", suffix=".batch") as batch:
        batch.write(commands)
        batch.flush()
        sh("ip", "-n", netns, "-batch", batch.name)


def sh(*command: str) -> str:
    """Run a program; what it printed. Raises DemoError where it fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise DemoError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())

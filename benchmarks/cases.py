"""What is measured: each case yields rows of netctl's seconds, the yardstick's, and the ratio aimed at."""

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks import ifupdown2, names, policies, services, stacks, twin, workload, yardsticks
from benchmarks.stage import ENDPOINTS, HOST, NETCTL, host, median, timed
from netctl.engine.resource import Desired, Key

SIZES = (100, 1_000, 10_000)
_CREATIONS, _READINGS, _OBSERVATIONS = 3, 9, 3
"""How often each is measured."""
QUICKSTART = "examples/quickstart.yaml"


class Row(NamedTuple):
    """One figure."""

    what: str
    objects: int
    seconds: float
    yardstick: str
    yardstick_seconds: float
    aim: str
    """``<= 1.2``: the ratio of the two that is aimed at; ``>= 20`` for the yardstick's over ours; empty for none."""

    @property
    def ratio(self) -> float:
        """Ours over the yardstick's; the inverse where the aim is to be so many times faster."""
        ratio = self.seconds / self.yardstick_seconds
        return 1 / ratio if self.aim.startswith(">=") else ratio

    @property
    def met(self) -> bool:
        """Whether the aim is reached."""
        if not self.aim:
            return True
        bound = float(self.aim.split()[1])
        return self.ratio >= bound if self.aim.startswith(">=") else self.ratio <= bound


Case = Callable[[], Iterator[Row]]


def writing() -> Iterator[Row]:
    """Creating objects, and planning with nothing to do."""
    for name, make, whole, plan in (("mix", stacks.mix, "<= 3", "<= 3"), ("overlay", stacks.overlay, "<= 10", "")):
        for size in SIZES:
            # What a process costs before it does anything is all that small stacks would show.
            aims = (whole, plan) if size == SIZES[-1] else ("", "")
            yield from _one_stack(name, make(size), *aims)


def _one_stack(name: str, text: str, whole: str, plan: str) -> Iterator[Row]:
    namespaces = (ENDPOINTS,) if name == "mix" else ()
    with host(*namespaces):
        desired = workload.compiled(text)
    count = len(desired)
    created, executed = _created(desired, namespaces)
    yield Row(f"{name}: execution of `apply`", count, executed, "`ip -batch`", created, "<= 1.2")
    with host(*namespaces):
        workload.apply(desired)
        printed, compared = _read(desired, namespaces)
        yield Row(f"{name}: observe and compare", count, compared, "`ip -d -j`", printed, "<= 1.0")
        with workload.stack_file(text) as path:
            planned = median([*NETCTL, "plan", "-f", path, "--netns", HOST], runs=3)
            yield Row(f"{name}: `netctl plan`, nothing to do", count, planned, "`ip -d -j`", printed, plan)
    with host(*namespaces), workload.stack_file(text) as path:
        applied = timed(*NETCTL, "apply", "-f", path, "--netns", HOST)
        yield Row(f"{name}: `netctl apply`, whole process", count, applied, "`ip -batch`", created, whole)


def _created(desired: Mapping[Key, Desired], namespaces: Sequence[str]) -> tuple[float, float]:
    """Seconds to create everything: by the yardstick, and by the execution of an apply; in turn, each in a new host."""
    scripts = yardsticks.create_scripts(desired.values())
    rounds = []
    for _ in range(_CREATIONS):
        with host(*namespaces):
            created = yardsticks.run(scripts)
        with host(*namespaces):
            rounds.append((created, workload.apply(desired).execute))
    return _medians(rounds)


def _read(desired: Mapping[Key, Desired], namespaces: Sequence[str]) -> tuple[float, float]:
    """Seconds to print everything by the yardstick, and to observe and compare it; in turn."""
    return _medians(
        [
            (yardsticks.print_everything((HOST, *namespaces)), workload.compare(desired, _OBSERVATIONS))
            for _ in range(_READINGS)
        ]
    )


def _medians(rounds: Sequence[tuple[float, float]]) -> tuple[float, float]:
    theirs, ours = zip(*rounds, strict=True)
    return statistics.median(theirs), statistics.median(ours)


def deleting() -> Iterator[Row]:
    """Destroying a thousand links, most of them ports of bridges."""
    text = stacks.attached(1_000)
    with host(ENDPOINTS):
        desired = workload.compiled(text)
        workload.apply(desired)
        script = yardsticks.delete_script(desired.values())
        deleted = yardsticks.run(script)
    with host(ENDPOINTS):
        workload.apply(desired)
        at_once = yardsticks.delete_at_once(desired.values())
    with host(ENDPOINTS), workload.stack_file(text) as path:
        workload.apply(desired)
        destroyed = timed(*NETCTL, "destroy", "-f", path, "--netns", HOST, "--yes")
    count = len(script[0][2])
    yield Row("`netctl destroy` of links", count, destroyed, "`ip -batch`, one by one", deleted, ">= 20")
    yield Row("`netctl destroy` of links", count, destroyed, "`ip link delete group`, the kernel alone", at_once, "")


def declarative_peer(segments: int, first_aim: str = "", again_aim: str = "") -> Iterator[Row]:
    """The same segments by ifupdown2, whole process against whole process."""
    text = stacks.mix(segments * stacks.OBJECTS_OF_A_SEGMENT)
    with host(ENDPOINTS):
        desired = workload.compiled(text)
        configuration = ifupdown2.configuration(desired.values())
        first, again = ifupdown2.apply_twice(configuration)
    with host(ENDPOINTS), workload.stack_file(text) as path:
        applied = timed(*NETCTL, "apply", "-f", path, "--netns", HOST)
        planned = median([*NETCTL, "apply", "-f", path, "--netns", HOST], runs=3)
    count = len(desired)
    yield Row(f"{segments} segments: first apply", count, applied, "ifupdown2", first, first_aim)
    yield Row(f"{segments} segments: nothing to do", count, planned, "ifupdown2", again, again_aim)


def starting() -> Iterator[Row]:
    """How long commands take before they do anything: seconds beyond those of bare Python."""
    bare = median([sys.executable, "-c", "pass"], runs=15)
    version = median([*NETCTL, "--version"], runs=15)
    yield Row("`netctl --version`, beyond bare Python", 0, version - bare, "80 ms", 0.080, "<= 1")
    for name in ("node1", "web", "db", "job-1"):
        subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        _underlay("node1")
        planned = median([*NETCTL, "plan", "-f", QUICKSTART, "--netns", "node1", "--host", "node1"], runs=9)
    finally:
        for name in ("node1", "web", "db", "job-1"):
            subprocess.run(["ip", "netns", "del", name], check=True)
    yield Row("`netctl plan` of the quickstart, beyond bare Python", 0, planned - bare, "400 ms", 0.400, "<= 1")


def _underlay(netns: str) -> None:
    for command in (
        "link add eth0 type veth peer name underlay",
        "link set underlay up",
        "addr add 192.0.2.11/24 dev eth0",
        "link set eth0 up",
    ):
        subprocess.run(["ip", "-n", netns, *command.split()], check=True)


def loading() -> Iterator[Row]:
    """Reading and validating ten thousand declarations, and finding a mistake in the last line."""
    lines = ["stack: bench", "networks:"]
    lines += [f"  n{i}: {{nat: none, subnet: {{cidr: 10.{i >> 8}.{i & 255}.0/24}}}}" for i in range(10_000)]
    with TemporaryDirectory() as directory:
        good, bad = Path(directory) / "good.yaml", Path(directory) / "bad.yaml"
        good.write_text("\n".join([*lines, ""]))
        bad.write_text("\n".join([*lines, "  last: {mut: 1500}", ""]))
        seconds = median([*NETCTL, "validate", "-f", str(good)], runs=3)
        yield Row("`netctl validate`, 10,000 networks", 10_000, seconds, "2 s", 2.0, "<= 1")
        answer = subprocess.run([*NETCTL, "validate", "-f", str(bad)], capture_output=True, text=True, check=False)
        if f"bad.yaml:{len(lines) + 1}:" not in answer.stderr + answer.stdout:
            raise AssertionError(f"the mistake in the last line was not placed: {answer.stderr}")


def twins() -> Iterator[Row]:
    """A twin put up, against the same made by hand, and everybody in it tried with everybody."""
    hosts, endpoints = 10, 10
    found = twin.measure(hosts, endpoints)
    what = f"`netctl twin up`, {hosts} hosts, {hosts * endpoints} endpoints"
    yield Row(what, found.resources, found.up, "`ip`, `nft` batches", found.by_hand, "<= 3")
    yield Row("`netctl twin test`, everybody with everybody", found.connections, found.tried, "10 s", 10.0, "<= 1")


def policing() -> Iterator[Row]:
    """Policies over ten thousand endpoints, one more endpoint, and connections through them."""
    found = policies.at_size(10_000, 1_000)
    yield Row("1,000 policies, compiled and applied", 10_000, found.whole, "`nft -f`", found.loaded_by_nft, "<= 3")
    full = found.loading + found.whole
    yield Row("one more endpoint under them", 10_001, found.one_more, "the whole, from the text", full, ">= 100")
    ends = ("bench-a", "bench-b")
    for what, make in (("over 10,000 endpoints", stacks.chained), ("on one endpoint", stacks.stacked)):
        many, one = policies.connecting([make(1_000, ends=ends), make(1, ends=ends)], ends)
        yield Row(f"2,000 connections, 1,000 policies {what}", 0, many, "with one policy", one, "<= 1.1")


def balancing() -> Iterator[Row]:
    """Virtual addresses of two endpoints: all of them, and one more."""
    found = services.at_size(10_000)
    yield Row(
        "10,000 virtual addresses, compiled and applied",
        10_000,
        found.whole,
        "kube-proxy's layout, `nft -f`",
        found.chains,
        ">= 20",
    )
    full = found.loading + found.whole
    yield Row("one more service beside them", 10_001, found.one_more, "the whole, from the text", full, ">= 50")
    yield Row("an endpoint of one becomes unwell", 20_000, found.health, "100 ms", 0.100, "<= 1")


def naming() -> Iterator[Row]:
    """Answers by DNS, in seconds of a core's time."""
    ours, consuls = names.measure()
    yield Row("100,000 answers by DNS", 100_000, ours, "Consul, a core's time", consuls, ">= 5")


CASES: dict[str, Case] = {
    "writing and reading": writing,
    "deleting": deleting,
    "a declarative peer, 100 segments": partial(declarative_peer, 100),
    "a declarative peer, 500 segments": partial(declarative_peer, 500, ">= 20", ">= 40"),
    "starting": starting,
    "loading": loading,
    "policies": policing,
    "virtual addresses": balancing,
    "names": naming,
    "a twin": twins,
}

"""``python -m benchmarks [--page] [CASE …]``: run the cases (all, or those whose name has one of the words).

Each figure is printed as it is measured. The page is written where all cases were run, or where ``--page`` asks for it.
"""

import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks import stage
from benchmarks.cases import CASES as WRITING_CASES
from benchmarks.cases import Case, Row
from benchmarks.clustering import clustering
from benchmarks.consul import registering
from benchmarks.docker import reading
from benchmarks.hearing import hearing
from benchmarks.idling import idling
from benchmarks.watching import watching

CASES: dict[str, Case] = {
    **WRITING_CASES,
    "watching": watching,
    "idling": idling,
    "hearing": hearing,
    "consul": registering,
    "clustering": clustering,
    "docker": reading,
}
PAGE = Path("docs/benchmarks.md")
_INTRODUCTION = """# Benchmarks

Every figure is a ratio to a yardstick that was measured in the same run, on the same machine, on the same objects;
the absolute seconds are only there to see where they come from. `make bench` measures them anew and writes this page.

- *mix*: segments of a bridge with an address, a VXLAN device, and an attached namespace's veth pair.
- *overlay*: one routed VXLAN overlay; for each peer a route, a neighbour and a forwarding entry.
- The yardstick `ip -batch` creates the same objects, from the same list, in the order that suits the kernel best.
  Ownership marks and sysctls, which netctl also writes, are not in it. `ip -d -j` prints the links, addresses, routes
  and neighbours of the same namespaces, and `bridge -d -j` the forwarding entries.
- *Watching*: the stack has attached namespaces in groups with policies, and twelve routes. From the foreign request to
  the notification of the repair; the yardstick is a process that answers the notification with one prepared request.
- *Idling*: processor's time and wake-ups of a watch while nothing happens, and what a day's events leave behind.
- *Hearing*: from when Docker or Consul itself tells of the change to when it tells of the repair.
- *Clustering*: from when a host is shown in Consul to the route to it, on a real watch among a hundred simulated hosts.
- *Whole process* is everything: interpreter, YAML, two observations, verification.
"""


def main() -> int:
    """Run the chosen cases, or all."""
    if os.geteuid() != 0:
        print("make bench: network namespaces need root; try: sudo make bench", file=sys.stderr)
        return 1
    if stage.STAGED not in os.environ:
        return stage.enter_mount_namespace()
    words = [word for word in sys.argv[1:] if word != "--page"]
    chosen = [name for name in CASES if not words or any(word in name for word in words)]
    stage.prepare()
    sections = {name: list(_shown(CASES[name]())) for name in chosen}
    if len(chosen) == len(CASES) or "--page" in sys.argv:
        PAGE.write_text(page(sections))
        print(f"written: {PAGE}")
    return 0


def _shown(rows: Iterable[Row]) -> Iterable[Row]:
    for row in rows:
        mark = ("met" if row.met else "NOT MET") if row.aim else "no aim"
        print(f"{row.what:<52} {row.objects:>6}  {row.seconds:9.4f} s  {row.yardstick_seconds:9.4f} s", end="  ")
        print(f"ratio {row.ratio:7.2f} ({row.aim}: {mark})", flush=True)
        yield row


def page(sections: dict[str, list[Row]]) -> str:
    """The page, in Markdown."""
    lines = [
        _INTRODUCTION,
        f"Linux {platform.release()}, Python {platform.python_version()}, {os.cpu_count()} cores.\n",
    ]
    for name, rows in sections.items():
        lines += [
            f"## {name.capitalize()}\n",
            "| | objects | netctl | yardstick | | ratio | aim | |",
            "|---|--:|--:|---|--:|--:|---|---|",
        ]
        lines += [_line(row) for row in rows]
        lines.append("")
    lines += growth([row for rows in sections.values() for row in rows])
    return "\n".join(lines)


def _line(row: Row) -> str:
    mark = ("met" if row.met else "**not met**") if row.aim else ""
    faster = " × faster" if row.aim.startswith(">=") else ""
    cells = (
        row.what, row.objects or "", _seconds(row.seconds), row.yardstick, _seconds(row.yardstick_seconds),
        f"{row.ratio:.2f}{faster}", row.aim, mark,
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def growth(rows: list[Row]) -> list[str]:
    """How the cost of one object grows from a thousand to ten thousand, ours and the yardstick's."""
    lines = ["## Growth\n", "Microseconds for each object; linear is a constant.\n"]
    lines += [
        "| | at about 100 | 1,000 | 10,000 | yardstick at 100 | 1,000 | 10,000 |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for what in dict.fromkeys(row.what for row in rows if row.what.startswith(("mix", "overlay"))):
        series = [row for row in rows if row.what == what]
        cells = [f"{row.seconds / row.objects * 1e6:.1f}" for row in series]
        cells += [f"{row.yardstick_seconds / row.objects * 1e6:.1f}" for row in series]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    return [*lines, ""]


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


if __name__ == "__main__":
    sys.exit(main())

"""Hosts and endpoints made of namespaces, and stacks applied to them by the very steps of ``netctl apply``.

The text of a stack names a namespace by its label: ``{netns: "${web}"}``.
"""

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from netctl.cli import apply as apply_command
from netctl.cli import destroy as destroy_command
from netctl.cli.options import Planning
from netctl.cli.terminal import Terminal
from netctl.cli.workspace import reading
from netctl.engine.change import Action
from netctl.engine.plan import Plan
from tests.support.namespaces import Namespaces, ip, ip_json, run_in, settle
from tests.support.snapshots import Snapshot, snapshot

_DECLARES_HOSTS = re.compile(r'^ ?"?hosts"?:', re.MULTILINE)
# Duplicate address detection takes a second or two on every link, and there are no duplicates here. Redirects (RFC 792)
# outlive the routes that gave rise to them.
_SETTINGS = [
    f"net.{family}.conf.{scope}.{setting}=0"
    for scope in ("all", "default")
    for family, setting in (("ipv6", "accept_dad"), ("ipv6", "accept_redirects"), ("ipv4", "accept_redirects"))
]


class Lab:
    """Namespaces by label, and what is declared for them."""

    def __init__(self, make: Namespaces, directory: Path) -> None:
        self._make = make
        self.directory = directory
        self._before: dict[str, Snapshot] = {}
        self.names: dict[str, str] = {}

    def __getitem__(self, label: str) -> str:
        """The namespace of that label."""
        return self.names[label]

    def add(self, *labels: str) -> None:
        """Make a namespace for each label, loopback up."""
        for label in labels:
            self.names[label] = self._make(label, loopback=True)
            run_in(self[label], ["sysctl", "-qw", *_SETTINGS])

    def ip(self, label: str, *commands: str) -> None:
        """Run ``ip`` commands in a namespace; ``@label`` stands for another's name."""
        ip(self[label], *(self._named(command) for command in commands))

    def run(self, label: str, *argv: str, stdin: str = "", check: bool = True) -> str:
        """What the program prints, run in a namespace."""
        return run_in(self[label], argv, stdin=stdin, check=check).stdout

    def join(self, one: str, name: str, other: str, peer: str) -> None:
        """A veth pair between two namespaces, both ends up."""
        self.ip(one, f"link add {name} type veth peer name {peer} netns @{other}", f"link set {name} up")
        self.ip(other, f"link set {peer} up")

    def address(self, label: str, family: int = 4, interface: str = "eth0") -> str:
        """The address of the family that an endpoint's interface has."""
        found = ip_json(self[label], f"-{family}", "address", "show", "dev", interface, "scope", "global")
        # Of what the scope excludes, an empty object is printed.
        addresses = [entry["local"] for link in found for entry in link.get("addr_info", ()) if entry]
        assert len(addresses) == 1, f"{label}: {addresses}"
        return str(addresses[0])

    def link(self, label: str, interface: str) -> dict[str, Any]:
        """What ``ip -d -s`` says of an interface."""
        found: dict[str, Any] = ip_json(self[label], "-s", "link", "show", "dev", interface)[0]
        return found

    def remember(self, *labels: str) -> None:
        """Take a snapshot of the namespaces, all without a label."""
        self.settle(*labels)
        self._before |= self._snapshots(labels or self.names)

    def settle(self, *labels: str) -> None:
        """Wait until the kernel has told the namespaces, all without a label, of every carrier and address."""
        for label in labels or self.names:
            settle(self[label])

    def demand_as_before(self, *labels: str) -> None:
        """Fail where a namespace, any that was remembered without a label, is not as it was."""
        self.settle(*labels)
        for label, parts in self._snapshots(labels or self._before).items():
            for part, now in parts.items():
                assert now == self._before[label][part], f"{part} of {label} are not as they were"

    def _snapshots(self, labels: Iterable[str]) -> dict[str, Snapshot]:
        labels = list(labels)
        with ThreadPoolExecutor(max_workers=4) as executor:
            return dict(zip(labels, executor.map(snapshot, [self[label] for label in labels]), strict=True))

    def plan(self, text: str | Sequence[str], host: str, **options: Any) -> Plan:
        """What ``netctl plan`` finds to do on *host*."""
        planning = Planning(**self._options(text, host, **options))
        with reading(planning, Terminal(quiet=True)) as work:
            return work.plan(adopt=planning.adopt, targets=planning.target)

    def apply(self, text: str | Sequence[str], host: str, **options: Any) -> Plan:
        """The plan that ``netctl apply`` made so on *host*; afterwards there must be nothing left to do."""
        plan = self.apply_once(text, host, **options)
        options.pop("adopt", None)
        self.demand_done(text, host, **options)
        return plan

    def apply_once(self, text: str | Sequence[str], host: str, **options: Any) -> Plan:
        """As `apply`, where afterwards the same may not be asked for."""
        plan = self.plan(text, host, **options)
        given = apply_command.Options(**self._options(text, host, **options), **self._changing())
        assert apply_command.run(given) == 0
        return plan

    def apply_all(self, text: str | Sequence[str], hosts: Sequence[str]) -> dict[str, Plan]:
        """Apply on each host; what each plan was."""
        return {host: self.apply(text, host) for host in hosts}

    def demand_done(self, text: str | Sequence[str], host: str, **options: Any) -> None:
        """Fail unless a plan is empty."""
        again = self.plan(text, host, **options)
        assert not again, f"a second plan is not empty: {describe(again)} {again.conflicts} {again.unread}"

    def destroy(self, stack: str, *hosts: str) -> None:
        """Run ``netctl destroy`` on each host."""
        for host in hosts:
            options = destroy_command.Options(stack=stack, netns=self[host], quiet=True, **self._changing())
            assert destroy_command.run(options) == 0

    def write(self, text: str, name: str = "stack.yaml") -> str:
        """The path of a file with the text, in which ``${label}`` stands for a namespace's name."""
        path = self.directory / name
        path.write_text(self._filled(text), encoding="utf-8")
        return str(path)

    def _options(self, text: str | Sequence[str], host: str, **more: Any) -> dict[str, Any]:
        texts = [text] if isinstance(text, str) else text
        files = [self.write(part, f"stack-{number}.yaml") for number, part in enumerate(texts)]
        chosen = host if more.get("consul") or any(_DECLARES_HOSTS.search(part) for part in texts) else None
        return {"file": files, "netns": self[host], "host": chosen, "quiet": True} | more

    def _changing(self) -> dict[str, Any]:
        return {"yes": True, "state_dir": self.directory / "state"}

    def _filled(self, text: str) -> str:
        for label, name in self.names.items():
            text = text.replace(f"${{{label}}}", name)
        return text

    def _named(self, command: str) -> str:
        return " ".join(self.names[word[1:]] if word.startswith("@") else word for word in command.split())


def describe(plan: Plan) -> list[str]:
    """``create kernel/link/nc-web`` for each change, sorted."""
    return sorted(f"{change.action} {change.key}" for change in plan.changes)


def keys(plan: Plan, action: Action) -> set[str]:
    """The keys, without the system, that the plan does *action* to."""
    return {f"{change.key.kind}/{change.key.id}" for change in plan.changes if change.action is action}

"""The stack's hosts: which of them a selector means, and which of them this machine is.

A stack without ``hosts:`` is for the machine that applies it; inside the compiler that machine is the host `ALONE`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from netctl.compiler.prefixes import Prefix, parse_address
from netctl.engine.facts import Facts
from netctl.errors import NetctlError, UsageError
from netctl.stack.models import Host, Stack

ALONE = ""
"""The name of the only host of a stack that declares none."""

Selector = Sequence[str] | Mapping[str, str] | None


class Hosts:
    """The hosts that selectors choose from. Answers are kept: thousands of networks share a few selectors."""

    def __init__(self, declared: Mapping[str, Host]) -> None:
        self.declared = declared
        self.names: tuple[str, ...] = tuple(sorted(declared)) or (ALONE,)
        self._every = frozenset(self.names)
        self._chosen: dict[object, frozenset[str]] = {}
        self._addresses = sorted(parse_address(host.address) for host in declared.values())

    def matching(self, selector: Selector) -> frozenset[str]:
        """The names of the hosts that *selector* means: all without one; names that are not declared are left out."""
        if selector is None:
            return self._every
        key = tuple(sorted(selector.items())) if isinstance(selector, Mapping) else tuple(selector)
        found = self._chosen.get(key)
        if found is None:
            found = self._chosen[key] = self._choose(selector)
        return found

    def number(self, name: str) -> int:
        """The host's ``id``; 0 where it has none."""
        host = self.declared.get(name)
        return (host.id or 0) if host else 0

    def addresses_in(self, prefix: Prefix) -> list[int]:
        """The hosts' own addresses that lie in *prefix*."""
        first = bisect_left(self._addresses, (prefix.family, prefix.first))
        last = bisect_right(self._addresses, (prefix.family, prefix.last))
        return [address for _, address in self._addresses[first:last]]

    def _choose(self, selector: Sequence[str] | Mapping[str, str]) -> frozenset[str]:
        if not isinstance(selector, Mapping):
            return frozenset(selector) & self.declared.keys()
        wanted = selector.items()
        return frozenset(name for name, host in self.declared.items() if wanted <= host.labels.items())


def choose_host(stack: Stack, wanted: str | None, facts: Facts) -> str | None:
    """Which host of *stack* this machine is: *wanted*, else its hostname, else whose address it has.

    None where the stack declares no hosts. Raises UsageError where *wanted* is not declared, NetctlError where
    nothing tells which host this is.
    """
    if wanted is not None:
        return _named(stack, wanted)
    if not stack.hosts:
        return None
    for name in (facts.hostname, facts.hostname.partition(".")[0]):
        if name in stack.hosts:
            return name
    return _addressed(stack, facts)


def suggestion(wrong: str, known: Sequence[str]) -> str:
    """Advice for a name that is not declared: the nearest one that is, or how to declare it."""
    near = get_close_matches(wrong, known, n=1)
    return f"did you mean '{near[0]}'?" if near else ""


def _named(stack: Stack, wanted: str) -> str:
    if wanted in stack.hosts:
        return wanted
    if not stack.hosts:
        raise UsageError(
            f"'--host {wanted}' was given, but stack '{stack.stack}' declares no hosts",
            "Leave '--host' out: a stack without 'hosts:' is for the machine that applies it.",
            code="NC321",
        )
    raise UsageError(
        f"stack '{stack.stack}' declares no host '{wanted}'",
        suggestion(wanted, list(stack.hosts)) or f"Its hosts are {_listing(stack)}.",
        code="NC321",
    )


def _addressed(stack: Stack, facts: Facts) -> str:
    here = {address.partition("/")[0] for link in facts.links.values() for address in link.addresses}
    found = sorted(name for name, host in stack.hosts.items() if host.address in here)
    if len(found) == 1:
        return found[0]
    if found:
        raise NetctlError(
            f"this machine has the addresses of several hosts of stack '{stack.stack}': {', '.join(found)}",
            "Say which of them it is with '--host'.",
            code="NC321",
        )
    raise NetctlError(
        f"this machine is none of the hosts of stack '{stack.stack}': neither its name '{facts.hostname}' "
        "nor one of its addresses is declared",
        f"Give '--host', one of {_listing(stack)}, or declare this machine under 'hosts:'.",
        code="NC321",
    )


def _listing(stack: Stack) -> str:
    names = sorted(stack.hosts)
    return ", ".join(names[:10]) + (f" … ({len(names)} in all)" if len(names) > 10 else "")

"""Things of which a host can have only one: who took each of them first."""

from typing import Generic, TypeVar

from netctl.compiler.places import Path

Thing = TypeVar("Thing")


class Occupancy(Generic[Thing]):
    """Remembers what is taken on which hosts. Linear in the number of takers, however many of them agree."""

    def __init__(self) -> None:
        self._first: dict[Thing, tuple[frozenset[str], Path]] = {}
        self._by_host: dict[Thing, dict[str, Path]] = {}

    def take(self, thing: Thing, hosts: frozenset[str], path: Path) -> Path | None:
        """Where *thing* was taken before on one of *hosts*; None, and it is taken now, where it was not."""
        first = self._first.get(thing)
        if first is None:
            self._first[thing] = hosts, path
            return None
        takers = self._by_host.get(thing)
        if takers is None:
            takers = self._by_host[thing] = dict.fromkeys(*first)
        for host in sorted(hosts):
            earlier = takers.setdefault(host, path)
            if earlier is not path:
                return earlier
        return None

    def holder(self, thing: Thing, hosts: frozenset[str]) -> Path | None:
        """Where *thing* was taken on one of *hosts*; None where it is free there."""
        takers = self._by_host.get(thing) or (dict.fromkeys(*self._first[thing]) if thing in self._first else {})
        return next((takers[host] for host in sorted(hosts) if host in takers), None)


def spell(path: Path) -> str:
    """A path as messages show it: ``networks.frontend.attach[0]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")

"""What changes of the pools that a Docker network's addresses come from."""

from collections.abc import Iterator, Sequence

from netctl.kinds.docker import Pool


def pool_changes(have: Sequence[Pool], want: Sequence[Pool]) -> str:
    """``10.80.0.0/24 gateway 10.80.0.1 -> 10.80.0.9``: each difference, by family."""
    found: list[str] = []
    for family in (False, True):
        old, new = _of(have, is_ipv6=family), _of(want, is_ipv6=family)
        if len(old) == len(new) == 1 and old[0].subnet == new[0].subnet:
            found += _within(old[0], new[0])
        elif old != new:
            found.append(f"{_subnets(old)} -> {_subnets(new)}")
    return ", ".join(found)


def _of(pools: Sequence[Pool], *, is_ipv6: bool) -> list[Pool]:
    return [pool for pool in pools if (":" in pool.subnet) is is_ipv6]


def _subnets(pools: Sequence[Pool]) -> str:
    return " and ".join(pool.subnet for pool in pools) or "none"


def _within(old: Pool, new: Pool) -> Iterator[str]:
    for what, before, after in (
        ("gateway", old.gateway, new.gateway),
        ("range", old.range, new.range),
        ("aux_addresses", _addresses(old), _addresses(new)),
    ):
        if before != after:
            yield f"{old.subnet} {what} {before or 'none'} -> {after or 'none'}"


def _addresses(pool: Pool) -> str:
    return " ".join(address if name == address else f"{name}={address}" for name, address in pool.auxiliary)

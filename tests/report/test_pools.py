"""What changes of a Docker network's pools, in words."""

import pytest

from netctl.kinds.docker import Pool
from netctl.report.pools import pool_changes

OLD = Pool("10.80.0.0/24", "10.80.0.1")
SIX = Pool("fd00:80::/64", "fd00:80::1")


@pytest.mark.parametrize(
    ("want", "said"),
    [
        ([OLD._replace(gateway="10.80.0.9"), SIX], "10.80.0.0/24 gateway 10.80.0.1 -> 10.80.0.9"),
        ([OLD._replace(range="10.80.0.128/25"), SIX], "10.80.0.0/24 range none -> 10.80.0.128/25"),
        ([OLD._replace(auxiliary=(("r", "10.80.0.5"),)), SIX], "10.80.0.0/24 aux_addresses none -> r=10.80.0.5"),
        ([Pool("10.81.0.0/24", "10.81.0.1"), SIX], "10.80.0.0/24 -> 10.81.0.0/24"),
        ([OLD], "fd00:80::/64 -> none"),
        ([SIX._replace(gateway="fd00:80::9")], "10.80.0.0/24 -> none, fd00:80::/64 gateway fd00:80::1 -> fd00:80::9"),
    ],
)
def test_each_difference_is_told_by_family(want: list[Pool], said: str) -> None:
    assert pool_changes([OLD, SIX], want) == said

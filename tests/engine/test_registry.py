"""Finding systems by their entry points."""

from pathlib import Path

import pytest

from netctl.engine.registry import GROUP, find_systems, kinds_of
from netctl.engine.resource import Kind
from netctl.errors import UsageError


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A distribution, installed beside netctl, that brings a system of its own; its name."""
    name = "thirdparty"
    (tmp_path / f"{name}.py").write_text(
        f"from tests.engine.memory_system import MemorySystem\nSYSTEM = MemorySystem(name={name!r})\n"
    )
    metadata = tmp_path / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {name}:SYSTEM\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def test_a_system_that_a_third_party_installed_is_found(third_party: str) -> None:
    assert third_party in [system.name for system in find_systems()]


def test_only_the_systems_that_are_wanted_are_loaded_in_order_of_their_names(third_party: str) -> None:
    assert [system.name for system in find_systems([third_party, third_party])] == [third_party]


def test_the_kinds_of_systems_are_known_by_system_and_name(third_party: str) -> None:
    kinds = kinds_of(find_systems([third_party]))
    assert kinds[third_party, "setting"] == Kind(third_party, "setting", shared=True)


def test_a_system_that_is_not_installed_is_a_usage_error_that_names_it_and_what_there_is(third_party: str) -> None:
    with pytest.raises(UsageError, match="no reconciler is installed for: bgp, ipam") as caught:
        find_systems(["ipam", third_party, "bgp"])
    assert third_party in caught.value.advice
    assert caught.value.exit_code == 64

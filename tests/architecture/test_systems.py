"""What is found through the entry-point group ``netctl.reconcilers`` keeps the engine's protocol."""

from importlib.metadata import EntryPoint, entry_points

import pytest

from netctl.engine.protocol import Context, System

SYSTEMS = sorted(entry_points(group="netctl.reconcilers"), key=lambda entry: entry.name)


def test_the_kernel_and_nftables_are_found() -> None:
    assert {"kernel", "nftables"} <= {entry.name for entry in SYSTEMS}


@pytest.mark.parametrize("entry", SYSTEMS, ids=lambda entry: entry.name)
def test_a_system_is_named_as_its_entry_point_and_so_are_its_kinds(entry: EntryPoint) -> None:
    system: System = entry.load()
    assert system.name == entry.name
    assert {kind.system for kind in system.kinds} == {entry.name}
    assert len({kind.name for kind in system.kinds}) == len(system.kinds)


@pytest.mark.parametrize("entry", SYSTEMS, ids=lambda entry: entry.name)
def test_a_reader_has_no_method_that_writes(entry: EntryPoint) -> None:
    system: System = entry.load()
    reader, writer = system.reader(Context()), system.writer(Context())
    assert hasattr(writer, "execute")
    assert not hasattr(reader, "execute")


@pytest.mark.parametrize("entry", SYSTEMS, ids=lambda entry: entry.name)
def test_readers_and_writers_have_all_methods_of_the_protocol(entry: EntryPoint) -> None:
    system: System = entry.load()
    methods = {"__enter__", "__exit__", "facts", "observe", "discover", "capabilities", "events"}
    for side in (system.reader(Context()), system.writer(Context())):
        assert methods <= set(dir(side))

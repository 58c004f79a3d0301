"""A stage leaves nothing behind."""

from contextlib import suppress
from pathlib import Path

from tests.docs.stage import Place, Stage

SLEEP = "sleep 3600 > /dev/null 2>&1 & echo $!"


def test_what_runs_in_the_background_of_a_machine_ends_with_it() -> None:
    with Stage({"node1": Place(namespaces=("web",))}) as stage:
        machine = stage.machines["node1"]
        begun = machine.run(f"{SLEEP}\nip netns exec web sh -c '{SLEEP}'").split()
        assert [_sleeps(pid) for pid in begun] == [True, True]
    assert [_sleeps(pid) for pid in begun] == [False, False]


def _sleeps(pid: str) -> bool:
    with suppress(OSError):
        return b"3600" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False

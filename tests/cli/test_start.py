"""What starting costs: a command imports what it needs, and what is trivial needs nothing."""

import subprocess
import sys
from resource import RUSAGE_CHILDREN, getrusage

import pytest

from tests.cli.conftest import environment

HEAVY = ("typer", "pydantic", "ruamel", "rich", "pyroute2", "asyncio", "importlib.metadata")


def imported(*arguments: str) -> set[str]:
    """The modules that are loaded when the command has run."""
    program = (
        "import sys; from netctl.cli.main import main\n"
        f"code = main({list(arguments)!r})\n"
        "sys.stderr.write('\\n'.join(sys.modules)); sys.exit(code)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment()
    )
    return set(finished.stderr.splitlines())


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_version_and_help_load_nothing_heavy(flag: str) -> None:
    assert imported(flag).isdisjoint(HEAVY)


def test_what_needs_no_stack_loads_no_yaml_and_no_compiler_and_an_ordinary_line_no_typer() -> None:
    loaded = imported("schema", "plan")
    assert loaded.isdisjoint(HEAVY)
    assert not [name for name in loaded if name.startswith(("ruamel", "rich", "netctl.compiler", "netctl.stack"))]


def test_only_the_module_of_the_command_is_loaded() -> None:
    loaded = imported("schema", "plan")
    assert "netctl.cli.schema" in loaded
    assert "netctl.cli.apply" not in loaded


def test_the_version_takes_little_longer_than_python_itself() -> None:
    def least(*arguments: str) -> float:
        def once() -> float:
            before = _spent_by_children()
            subprocess.run([sys.executable, *arguments], capture_output=True, check=True, env=environment())
            return _spent_by_children() - before

        return min(once() for _ in range(10))

    assert least("-m", "netctl", "--version") - least("-c", "pass") < 0.08


def _spent_by_children() -> float:
    """Seconds on a processor, of which nobody else takes any away."""
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime

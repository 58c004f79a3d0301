"""The table of commands: what there is, in which module, under which heading of ``netctl --help``.

It is data, so that ``--help`` needs none of the modules, and a command only its own.
"""

from typing import NamedTuple


class Command(NamedTuple):
    """One command."""

    name: str
    module: str
    """In `netctl.cli`; has ``run(options) -> int`` (the exit code). Of a command with verbs, the package of theirs."""
    group: str
    synopsis: str
    summary: str
    verbs: tuple[str, ...] = ()


CHANGE, LOOK, WRITE = "Change what is there", "Look at what is there", "Write declarations"

_TWIN = ("up", "test", "exec", "down")

COMMANDS = (
    Command("plan", "plan", CHANGE, "-f F", "What would change on this host, and why"),
    Command("apply", "apply", CHANGE, "-f F | PLAN", "Make it so, verify it; undo it where it fails"),
    Command("destroy", "destroy", CHANGE, "-f F | --stack S", "Remove all that the stack owns, and nothing else"),
    Command("watch", "watch", CHANGE, "-f F", "Keep it so: repair drift as it happens"),
    Command("publish", "publish", CHANGE, "-f F", "Put it into Consul, for hosts that watch --consul"),
    Command("dns", "dns", CHANGE, "-f F", "Answer for services by DNS"),
    Command("status", "status", LOOK, "-f F", "Which declarations hold, and which have drifted"),
    Command("get", "get", LOOK, "[RESOURCE]", "What is live here and owned by a stack"),
    Command("describe", "describe", LOOK, "RESOURCE -f F", "One resource: declared and live, side by side"),
    Command("test", "test", LOOK, "-f F", "Whether expectations hold: with packets, or proved"),
    Command("twin", "twin", LOOK, "up|test|exec|down", "The stack as namespaces here, tried with packets", _TWIN),
    Command("trace", "trace", LOOK, "FROM TO PORT -f F", "Which rule decides, and the way a packet takes"),
    Command("doctor", "doctor", LOOK, "[-f F]", "What this host can do, and how to mend the rest"),
    Command("validate", "validate", WRITE, "-f F", "Check the declaration; touches no system"),
    Command("fmt", "fmt", WRITE, "FILES", "Format declarations; comments are kept"),
    Command("explain", "explain", WRITE, "[PATH]", "What a key of the language means"),
    Command("schema", "schema", WRITE, "[SUBJECT]", "The JSON Schema of a stack, plan, test or trace"),
    Command("import", "import_live", WRITE, "[RESOURCE…]", "Print what is live here as a declaration"),
)

_EXAMPLES = (
    ("netctl plan -f stack.yaml", "see what would change"),
    ("netctl apply -f stack.yaml", "change it, and verify it"),
    ("netctl destroy --stack shop", "remove every trace of a stack"),
)


def help_text() -> str:
    """What ``netctl --help`` prints."""
    lines = ["Usage: netctl COMMAND [OPTIONS]", "", "Declarative container networking: declare, plan, apply, verify."]
    for group in dict.fromkeys(command.group for command in COMMANDS):
        lines += ["", f"{group}:"]
        members = [command for command in COMMANDS if command.group == group]
        lines += [f"  {command.name:<9} {command.synopsis:<17} {command.summary}" for command in members]
    lines += ["", "Examples:", *(f"  {line:<30} {purpose}" for line, purpose in _EXAMPLES)]
    lines += [
        "",
        "Exit codes: 0 done, or nothing to do · 1 failed · 64 mistyped command line ·",
        "  130 interrupted · with --detailed-exitcode also 2: there are changes, or what",
        "  trace looked at is no connection.",
        "",
        "netctl COMMAND --help explains a command; --version prints the version;",
        "--install-completion and --show-completion set up the shell's completion.",
    ]
    return "\n".join(lines)

"""The steps that the commands share: load the stack, open the systems, choose the host, compile, plan."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from netctl.agent.asking import ask, socket_path
from netctl.cli.lock import place_of, sole_writer
from netctl.cli.options import DEFAULT_STATE_DIR, Changing, Clustered, Compiling
from netctl.cli.reach import Reach, reach_of
from netctl.cli.sessions import open_reader, open_writer, place_name
from netctl.cli.ssh_connection import ssh_connection
from netctl.cli.terminal import Terminal
from netctl.engine.change import Change
from netctl.engine.facts import Facts
from netctl.engine.plan import Plan
from netctl.engine.protocol import Reader, Unread, Writer
from netctl.engine.resource import Desired, Key
from netctl.engine.sequel import Sequel
from netctl.engine.session import Session
from netctl.engine.targets import restrict
from netctl.kinds.docker import SYSTEM as DOCKER

if TYPE_CHECKING:  # what loads a stack is imported where one is loaded
    from netctl.cli.declarations import Declarations
    from netctl.policy.model import PolicySet

AnyReader = TypeVar("AnyReader", bound=Reader)


@dataclass(frozen=True)
class Workspace(Generic[AnyReader]):
    """A stack, compiled for the host that the session is with."""

    declarations: "Declarations"
    host: str
    """The host's declared name; empty for a stack without hosts."""
    desired: Mapping[Key, Desired]
    session: Session[AnyReader]
    facts: Facts
    options: Compiling
    policies: "PolicySet | None"
    reach: Reach
    """Where the stack has had something."""

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.declarations.name

    @property
    def place(self) -> str:
        """Where this is, for people and for locks: the host, and the namespace where one was named."""
        return place_name(self.host or self.facts.hostname, self.options.netns)

    def plan(self, *, adopt: bool = False, targets: Sequence[str] = ()) -> Plan:
        """The plan for what is live now, restricted to the *targets*."""
        plan = self.session.plan(self.desired, stack=self.stack, host=self.place, adopt=adopt)
        return restrict(plan, self.desired, targets)

    def renew(self, made: Sequence[Change], targets: Sequence[str] = ()) -> Sequel | None:
        """The stack compiled anew after changes to Docker, which assigns addresses and names bridges as it makes them.

        None where nothing follows, or where Docker cannot be read any more, which verification will tell.
        """
        if not any(change.key.system == DOCKER for change in made):
            return None
        facts = self.session.facts()
        if facts.engine() is None:
            return None
        desired = self.declarations.compile(self.host, facts).resources
        if desired == self.desired:
            return None
        plan = self.session.plan(desired, stack=self.stack, host=self.place)
        return Sequel(desired, restrict(plan, desired, targets))

    def unread(self, plan: Plan) -> list[Unread]:
        """What *plan* could not see, less what the user left out."""
        left_out = bool(self.options.providers)
        return [part for part in plan.unread if not (left_out and part.system not in self.session.members)]

    def warnings(self, plan: Plan) -> list[str]:
        """What of *plan* would cut the connection that this is run over; in another namespace, nothing can."""
        connection = None if self.options.netns else ssh_connection()
        if connection is None:
            return []
        from netctl.report.ssh_cut import ssh_warnings
        from netctl.report.ssh_policies import policy_warnings

        return [
            *ssh_warnings(plan, self.facts.links, connection),
            *policy_warnings(plan, self.policies, self.host, connection),
        ]


@contextmanager
def reading(options: Compiling, terminal: Terminal) -> Iterator[Workspace[Reader]]:
    """A workspace that cannot change anything."""
    declarations = _load(options, terminal)
    reach = reach_of(declarations.name, options.netns, _state_dir(options))
    with open_reader(options) as session:
        yield _workspace(declarations, session, options, terminal, reach)


@contextmanager
def writing(
    options: Compiling, changing: Changing, terminal: Terminal, environment: Mapping[str, str] | None = None
) -> Iterator[Workspace[Writer]]:
    """A workspace that can, and that no other netctl disturbs. *environment* defines variables, if not the process's.

    Raises PrivilegeError, LockedError.
    """
    declarations = _load(options, terminal, environment)
    reach = reach_of(declarations.name, options.netns, changing.state_dir)
    with (
        open_writer(options) as session,
        sole_writer(declarations.name, options.netns, "netctl apply", changing, terminal),
    ):
        yield _workspace(declarations, session, options, terminal, reach)


def _load(options: Compiling, terminal: Terminal, environment: Mapping[str, str] | None = None) -> "Declarations":
    from netctl.cli.declarations import load_declarations

    declarations = load_declarations(options, environment)
    if not (isinstance(options, Clustered) and options.consul):
        return declarations
    from netctl.cli.joined import joined

    return joined(declarations.loaded, options, terminal)


def _workspace(
    declarations: "Declarations", session: Session[AnyReader], options: Compiling, terminal: Terminal, reach: Reach
) -> Workspace[AnyReader]:
    session.known = reach.recall()
    facts = watched(session.facts(), declarations.name, options)
    host = declarations.choose_host(options.host, facts)
    compiled = declarations.compile(host, facts, terminal)
    session.leads = declarations.leads
    return Workspace(declarations, host, compiled.resources, session, facts, options, compiled.policies, reach)


def watched(facts: Facts, stack: str, options: Compiling) -> Facts:
    """The facts, with what a watch that runs here knows of health: by its checks, and by what Consul said last."""
    path = socket_path(_state_dir(options), place_of(stack, options.netns))
    found = ask(path) if path.exists() else None
    if found is None:
        return facts
    said = _reasons(found.get("complaints"))

    def complaints() -> Mapping[str, str] | None:
        newest = facts.complaints()
        return said if newest is None else newest

    return facts._replace(failed_checks=_reasons(found.get("failed_checks")) or {}, complaints=complaints)


def _reasons(said: object) -> dict[str, str] | None:
    """Why instances are unwell, as a watch says it."""
    return {str(ident): str(reason) for ident, reason in said.items()} if isinstance(said, dict) else None


def _state_dir(options: Compiling) -> Path:
    """The one that was named, also to a command that has no option for it."""
    named: Path | None = getattr(options, "state_dir", None)
    return named or Path(os.environ.get("NETCTL_STATE_DIR") or DEFAULT_STATE_DIR)

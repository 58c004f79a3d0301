"""Reads the Engine."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from netctl.engine.facts import EngineFacts, Facts
from netctl.engine.protocol import Capability, Context, Observation, Scope, Unread
from netctl.engine.resource import Key, Live
from netctl.errors import BackendError
from netctl.kinds.docker import ENGINE, SYSTEM
from reconcilers.docker.engine import Engine, find_engine
from reconcilers.docker.refusals import UnreachableError
from reconcilers.silence import reason_of

if TYPE_CHECKING:  # what speaks HTTP is imported where there is an Engine to speak to
    from reconcilers.docker.api import Api
    from reconcilers.docker.observation import Endpoints
    from reconcilers.docker.snapshot import Snapshot


class Reader:
    """Reads the networks and containers of one Engine. Nothing is opened before something is asked."""

    patient = False

    def __init__(self, context: Context) -> None:
        self.context = context
        self._api: Api | None = None
        self._reading: Snapshot | BackendError | None = None
        """What the compiler has been told, for the next observation to agree with it."""
        self._endpoints: Endpoints = {}
        """What the last observation has learned of endpoints, so that a watch need not ask of each again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._api is not None:
            self._api.close()

    @property
    def api(self) -> "Api":
        """The Engine's API. Raises BackendError where it cannot be found."""
        if self._api is None:
            from reconcilers.docker.api import Api

            self._api = Api(self._find(), patient=self.patient and self.context.patient)
        return self._api

    def _find(self) -> Engine:
        engine = find_engine(self.context)
        if engine.is_default and self.context.netns:
            raise UnreachableError(
                f"the Engine of network namespace '{self.context.netns}' is not known",
                "Name it: DOCKER_HOST=unix:///path/docker.sock.",
            )
        return engine

    def facts(self) -> Facts:
        """The Engine's containers and networks, read when they are asked for."""
        self._reading = None
        return Facts(engine=self._engine_facts)

    def _read(self) -> "Snapshot":
        from reconcilers.docker.snapshot import Snapshot

        return Snapshot(self.api)

    def _engine_facts(self) -> EngineFacts | None:
        if self._reading is None and self._is_absent():
            return None
        if self._reading is None:
            try:
                self._reading = self._read()
            except BackendError as error:
                self._reading = error
        return None if isinstance(self._reading, BackendError) else self._reading.facts

    def observe(self, scope: Scope) -> Observation:
        """The stack's networks and attachments; nothing where no Engine is, and none is known to have been."""
        wanted = frozenset(key for key in scope.desired if key.system == SYSTEM)
        if not wanted and SYSTEM not in scope.known and self._is_absent():
            return Observation({})
        from reconcilers.docker.observation import mapping_of, observe

        reading, self._reading = self._reading, None
        try:
            if isinstance(reading, BackendError):
                raise reading
            live, self._endpoints = observe(reading or self._read(), self.api, scope, self._endpoints)
        except BackendError as error:
            hinge = frozenset({ENGINE}) if wanted else frozenset[Key]()
            reason = reason_of(error, scope, SYSTEM, wanted)
            return Observation({}, (Unread(SYSTEM, "everything", reason, wanted, hinge),))
        return Observation(mapping_of(live, scope.keys))

    def _is_absent(self) -> bool:
        """Whether nobody has named an Engine, and the machine has none."""
        try:
            engine = find_engine(self.context)
        except BackendError:
            return False
        return engine.is_default and (bool(self.context.netns) or not Path(engine.socket).exists())

    def discover(self) -> Iterable[Live]:
        """Every network of the Engine, and the containers on it; nothing where there is no Engine."""
        if self._is_absent():
            return ()
        from reconcilers.docker.observation import discover

        return discover(self._read())

    def capabilities(self) -> Sequence[Capability]:
        """Whether the Engine can be reached, and what it is."""
        from reconcilers.docker.capabilities import capabilities

        return capabilities(lambda: self.api)

    def events(self) -> Iterator[frozenset[Key]]:
        """Asks for a look at all of the Engine when it is listened to, and at whatever it reports."""
        from reconcilers.docker.api import Api
        from reconcilers.docker.events import changes

        return changes(Api(self._find()), Api(self._find()))

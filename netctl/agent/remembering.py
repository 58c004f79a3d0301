"""What Docker and Consul said last, for when they cannot be read: nobody becomes unwell, or well, by that."""

from collections.abc import Mapping

from netctl.engine.facts import EngineFacts, Facts


class Remembering:
    """The answers of systems that are asked for containers and their health."""

    def __init__(self) -> None:
        self._engine: EngineFacts | None = None
        self._complaints: Mapping[str, str] | None = None

    def told(self, facts: Facts) -> Facts:
        """These facts, whose answers are remembered; where there is none, with the last one."""

        def engine() -> EngineFacts | None:
            self._engine = facts.engine() or self._engine
            return self._engine

        def complaints() -> Mapping[str, str] | None:
            found = facts.complaints()
            self._complaints = self._complaints if found is None else found
            return self._complaints

        return facts._replace(engine=engine, complaints=complaints)

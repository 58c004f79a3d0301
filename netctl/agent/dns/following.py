"""The names of what a watch keeps: worked out anew when endpoints come, go or change their health."""

import time

from netctl.agent.declared import Declared
from netctl.agent.dns.declared import state_from
from netctl.agent.dns.responder import Responder, State
from netctl.compiler.balancing.balanced import Balanced


class Names:
    """What a responder answers with. Working it out may take long; handing it over does not."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._known: Balanced | None = None
        self._state: State | None = None

    def is_outdated(self, declared: Declared) -> bool:
        """Whether there is something to be worked out."""
        return declared.balanced is not self._known

    def work_out(self, declared: Declared) -> None:
        """Work out the names of this desired state, which `hand_over` then gives the responder."""
        self._known = balanced = declared.balanced
        self._state = State()
        if balanced is not None:
            serial = int(time.time())
            self._state = state_from(balanced.topology, balanced.endpoints, balanced.resting, serial)

    def hand_over(self) -> None:
        """Answer with what has been worked out; to be called where the responder answers."""
        if self._state is not None:
            self._responder.replace(self._state)
            self._state = None

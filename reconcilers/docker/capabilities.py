"""Whether the Engine can be reached, for ``netctl doctor``."""

from collections.abc import Callable, Sequence

from netctl.engine.protocol import Capability
from netctl.errors import BackendError
from reconcilers.answers import record, text
from reconcilers.docker.api import Api


def capabilities(api: Callable[[], Api]) -> Sequence[Capability]:
    """One: the Engine, with its version. Only stacks that name Docker need it."""
    try:
        answer = record(api().get("/version"))
    except BackendError as error:
        return (
            Capability("Docker Engine", available=False, detail=error.message, advice=error.advice, required=False),
        )
    detail = f"{text(answer.get('Version'))}, API {text(answer.get('ApiVersion'))}"
    return (Capability("Docker Engine", available=True, detail=detail, required=False),)

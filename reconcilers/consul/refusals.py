"""What can go wrong with Consul, as exceptions and in words."""

from email.message import Message

from netctl.engine.change import Change
from netctl.errors import BackendError

_FORBIDDEN, _NOT_FOUND, _CONFLICT, _TOO_LARGE, _TOO_MANY = 403, 404, 409, 413, 429


class UnreachableError(BackendError):
    """Consul cannot be reached, does not answer in time, or answers in no way that it should."""


class RefusalError(BackendError):
    """Consul's own refusal."""

    def __init__(
        self, status: int, message: str, advice: str = "", body: str = "", headers: Message | None = None
    ) -> None:
        super().__init__(message, advice or _advice(status, message))
        self.status = status
        self.body = body
        """All that was answered."""
        self.headers = headers

    @property
    def is_absence(self) -> bool:
        """Whether what was asked for is not there."""
        return self.status == _NOT_FOUND

    @property
    def is_denial(self) -> bool:
        """Whether the token does not permit it."""
        return self.status == _FORBIDDEN

    @property
    def is_from_without_a_leader(self) -> bool:
        """Whether the servers have nobody to decide. The status is that of a mistake of the caller's."""
        return any(words in self.message.lower() for words in _LEADERLESS)


def refuse_stale(what: str, change: Change, now: tuple[object, object]) -> None:
    """Raise RefusalError unless *now*, attributes and owner, are what the plan has seen: for what has no such check of
    Consul's own.
    """
    is_gone = now == (None, None) and change.after is None
    if now != (change.before, change.owner_before) and not is_gone:
        raise RefusalError(_CONFLICT, f'failed to set {what} "{change.key.id}", index is stale')


_LEADERLESS = ("no cluster leader", "no known consul servers", "leadership lost", "not leader")
_PERMISSIONS = "Give the token what docs/consul.md lists, and name it: CONSUL_HTTP_TOKEN or CONSUL_HTTP_TOKEN_FILE."
_PROTOCOL = (
    "Give every service that it leads to 'config_entries: {service-defaults: {Protocol: http}}', or declare the "
    "protocol of all in proxy-defaults."
)
_BY_TEXT = (
    ("scripts are disabled", "Start the agent with enable_script_checks = true, or use another check."),
    ("script checks are disabled", "Start the agent with enable_script_checks = true, or use another check."),
    ("acl not found", _PERMISSIONS),
    ("permission denied", _PERMISSIONS),
    ("index is stale", "Someone else has changed it meanwhile; plan again."),
    ("does not permit advanced routing", _PROTOCOL),
    ("inconsistent protocols", _PROTOCOL),
    ("duplicate intention", "Remove the other one, or take it over with --adopt."),
    ("aliases an existing query", "Remove the other one, or take it over with --adopt."),
    ("unknown key", "This version of Consul does not know it; remove it, or use a later Consul."),
    ("invalid config key", "This version of Consul does not know it; remove it, or use a later Consul."),
    ("decode failed", "This version of Consul does not know it; remove it, or use a later Consul."),
)
_BY_STATUS = {
    _FORBIDDEN: _PERMISSIONS,
    _TOO_LARGE: "A value has 512 KiB at most, unless the servers' kv_max_value_size says otherwise.",
    _TOO_MANY: "Raise the agent's limits, or try again later.",
}


def _advice(status: int, message: str) -> str:
    lowered = message.lower()
    if any(words in lowered for words in _LEADERLESS):
        return "Wait until the servers have elected a leader (consul operator raft list-peers), then try again."
    return next((advice for words, advice in _BY_TEXT if words in lowered), _BY_STATUS.get(status, "Plan again."))

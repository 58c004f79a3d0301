"""A webhook: who knows the secret may ask that the repository be looked at now. Nothing else of a request is used."""

import hmac
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from netctl.agent.agent import Agent
from netctl.agent.web import Answer, Request
from netctl.errors import UsageError

_SHORTEST = 8


def read_secret(path: Path) -> bytes:
    """The secret in a file, without the line break at its end. Raises UsageError."""
    try:
        secret = path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise UsageError(f"the webhook's secret cannot be read: {path}: {error.strerror}") from None
    if len(secret) < _SHORTEST:
        raise UsageError(f"the webhook's secret in {path} is shorter than {_SHORTEST} bytes", "Choose a longer one.")
    return secret


class Webhook:
    """Checks the signature of GitHub and Gitea (HMAC-SHA-256 of the body), or the token of GitLab."""

    def __init__(self, agent: Agent, secret: bytes, look: Callable[[], None]) -> None:
        self._agent = agent
        self._secret = secret
        self._look = look

    def __call__(self, request: Request) -> Answer:
        """202 where the secret is right; else 401, which is reported once."""
        if self._is_right(request):
            self._look()
            return Answer(202, "looking\n")
        self._agent.tell_refused("webhook requests", "a webhook request with a wrong secret was refused")
        return Answer(401, "the signature is wrong\n")

    def _is_right(self, request: Request) -> bool:
        expected = "sha256=" + hmac.new(self._secret, request.body, sha256).hexdigest()
        given = request.headers.get("x-hub-signature-256", "")
        token = request.headers.get("x-gitlab-token", "")
        return hmac.compare_digest(given.encode(), expected.encode()) or hmac.compare_digest(
            token.encode(), self._secret
        )

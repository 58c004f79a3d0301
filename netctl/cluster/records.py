"""What is in the store, as JSON. Whoever may write there may write anything: nothing is used that does not fit."""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.functional_validators import AfterValidator

from netctl.engine.facts import ContainerFact, EngineFacts
from netctl.errors import NetctlError
from netctl.stack.scalars import Address, Labels, Name

FORMAT = 1
"""Of everything in the store. A later netctl raises it where this one could not make use of what it writes."""
_LONGEST = 512 * 1024


class RecordError(NetctlError):
    """Something in the store is not what it should be."""


class NewerError(RecordError):
    """Something in the store is of a later netctl."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("not printable")
    return text


def _of_a_host(text: str) -> str:
    address = ip_address(text)
    if address.is_multicast or address.is_loopback or address.is_unspecified or address.is_link_local:
        raise ValueError("no host can be reached by it")
    return text


def is_name(text: str) -> bool:
    """Whether it can be a host's name."""
    return _NAME.fullmatch(text) is not None


_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
Line = Annotated[str, Field(max_length=500), AfterValidator(_printable)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
HostId = Annotated[int, Field(ge=1, le=65535)]


class Record(BaseModel):
    """A value of the store; keys that a later netctl has added are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    format: int = FORMAT

    @classmethod
    def read(cls, key: str, value: bytes) -> Self:
        """The record that a key has. Raises RecordError."""
        try:
            _demand_format(key, json.loads(value[:_LONGEST]))
            return cls.model_validate_json(value)
        except (ValueError, RecursionError) as error:  # of which pydantic's and JSON's errors are some
            raise RecordError(f"the key {key} is not what netctl writes: {_reason(error)}", _MEND) from error

    def encoded(self) -> bytes:
        """The value to be written."""
        return self.model_dump_json(exclude_none=True).encode()


_MEND = "See who has written it; then publish again: netctl publish."


def _demand_format(key: str, content: Any) -> None:
    if not isinstance(content, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - it is told as one of several ways to be wrong
    found = content.get("format")
    if isinstance(found, int) and found > FORMAT:
        raise NewerError(
            f"the key {key} is of a newer netctl (format {found}; this one knows {FORMAT})", "Update netctl here."
        )
    if found != FORMAT:
        raise ValueError("it does not name its format")


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
    return str(error) if len(str(error)) < 100 else type(error).__name__


class Publication(Record):
    """Which version of a stack is to hold."""

    stack: Name
    version: int = Field(ge=1)
    """Counts up."""
    digest: Digest
    """SHA-256 of the document."""
    parts: int = Field(ge=1, le=256)
    max_unavailable: int | None = Field(None, ge=1)
    """So many hosts at once take it up; None: all."""
    author: Line = ""
    time: int = Field(ge=0)
    """Seconds since the epoch."""
    kept: tuple[Digest, ...] = Field((), max_length=100)
    """The versions that are still there, the newest first."""


class HostRecord(Record):
    """A host that runs `netctl watch --consul`."""

    address: Annotated[Address, AfterValidator(_of_a_host)]
    labels: Labels = Field(default_factory=dict)
    node: Line = ""
    """The Consul node that its session is of."""


class ContainerRecord(BaseModel):
    """A container on networks of the stack's."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    labels: Labels = Field(default_factory=dict)
    networks: dict[Line, tuple[Address, ...]]
    """By the Engine's name of the network, its addresses there."""
    running: bool
    health: Line = ""


class ContainersRecord(Record):
    """What a host has on the stack's networks."""

    containers: dict[Line, ContainerRecord] = Field(default_factory=dict)

    @classmethod
    def of(cls, found: Mapping[str, ContainerFact]) -> Self:
        """What the host's Engine tells."""
        return cls(
            containers={
                name: ContainerRecord(
                    labels=dict(fact.labels), networks=dict(fact.networks), running=fact.running, health=fact.health
                )
                for name, fact in sorted(found.items())
            }
        )

    def facts(self) -> EngineFacts:
        """The same, as the compiler takes it."""
        return EngineFacts(
            {
                name: ContainerFact(name, entry.labels, entry.networks, entry.running, entry.health)
                for name, entry in self.containers.items()
            }
        )


class Lease(Record):
    """Whose an id is."""

    host: Name


class Condition(StrEnum):
    """How a host is."""

    CONVERGED = "converged"
    WAITING = "waiting"
    FAILING = "failing"


class State(Record):
    """What a host says of itself."""

    version: int = Field(0, ge=0)
    """The version that it holds; 0 for none."""
    state: Condition
    reason: Line = ""
    time: int = Field(ge=0)
    """Since when, in seconds since the epoch."""


class Rollout(Record):
    """The hosts that are taking up a version, or have failed to."""

    version: int = Field(0, ge=0)
    slots: dict[Name, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    """Since when each has had its slot, in seconds since the epoch."""

"""Services and checks as the agent is told of them, and as it tells of them."""

import json
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple

from netctl.engine.resource import Owner
from netctl.kinds.consul import Check, Pairs, Sealed, Service, is_implied, spelled_address
from reconcilers.answers import Record, number, record, strings, text, texts
from reconcilers.consul.marks import defined_checks, marked, owner_of, unmarked
from reconcilers.consul.recognition import recognized
from reconcilers.consul.refusals import RefusalError

MAINTENANCE = "_service_maintenance:"
"""What the check begins with by which an operator takes a service out; the service's id follows."""
_GONE = 410
_CHECK_FIELDS = ("CheckID", "Type", "ServiceName", "Notes")


class LiveCheck(NamedTuple):
    """What an agent tells of a check: not how it is defined."""

    id: str
    type: str
    service_name: str
    notes: str


class ServiceRow(NamedTuple):
    """A service of an agent."""

    service: Service
    owner: Owner | None


def service_row(answer: Record, checks: Sequence[Record], want: Service | None) -> ServiceRow:
    """A service of an agent, with its checks; probably it is just as *want*."""
    if want is not None and (known := recognized(answer, checks, want)) is not None:
        return ServiceRow(want, known)
    expected = (want.checks or ()) if want is not None else ()
    found = [LiveCheck(*[text(check.get(name)) for name in _CHECK_FIELDS]) for check in checks]
    ident, meta = text(answer.get("ID")), strings(answer.get("Meta"))
    weights = record(answer.get("Weights"))
    address, port = text(answer.get("Address")), number(answer.get("Port"))
    owner = owner_of(meta, ident)
    service = Service(
        ident,
        text(answer.get("Service")),
        address,
        port,
        texts(answer.get("Tags")),
        unmarked(meta),
        (number(weights.get("Passing")), number(weights.get("Warning"))),
        _tagged(record(answer.get("TaggedAddresses")), address, port),
        bool(answer.get("EnableTagOverride")),
        _checks(text(answer.get("Service")), defined_checks(meta, expected), ident, found) if owner else (),
    )
    return ServiceRow(service, owner)


def _tagged(answer: Record, address: str, port: int) -> Pairs:
    own = spelled_address(address, port)
    found = {
        name: spelled_address(text(record(entry).get("Address")), number(record(entry).get("Port")))
        for name, entry in answer.items()
    }
    return tuple(sorted((name, where) for name, where in found.items() if not is_implied(name, where, own)))


def _checks(name: str, definitions: Iterable[Check], ident: str, found: Iterable[LiveCheck]) -> tuple[Check, ...]:
    """The checks that netctl has put there, as they were defined; of one that is not as defined, only what it is."""
    defined = {check.id: check for check in definitions}
    live = {check.id: check for check in found if check.id in defined or check.id.startswith(f"{ident}:")}
    kept = [_as_it_is(check, live[check.id], name) for check in defined.values() if check.id in live]
    return (*kept, *(Check(check.id, check.type) for check in live.values() if check.id not in defined))


def _as_it_is(defined: Check, live: LiveCheck, service: str) -> Check:
    settings = dict(defined.settings)
    same = (live.type, live.service_name, live.notes) == (
        defined.type, service, json.loads(settings.get("Notes", '""'))
    )  # fmt: skip
    return defined if same else Check(live.id, live.type)


def registration(service: Service, owner: Owner | None, *, checks: Iterable[Check]) -> dict[str, Any]:
    """What registers a service, with these of its checks. Raises RefusalError for one that is not known any more."""
    passing, warning = service.weights or (1, 1)
    return {
        "ID": service.id,
        "Name": service.name,
        "Address": service.address or "",
        "Port": service.port or 0,
        "Tags": list(service.tags or ()),
        "Meta": marked(dict(service.meta or ()), service.id, owner, service.checks or ()),
        "Weights": {"Passing": passing, "Warning": warning},
        "TaggedAddresses": {name: _split(where) for name, where in service.tagged_addresses or ()},
        "EnableTagOverride": bool(service.enable_tag_override),
        "Checks": [{"CheckID": check.id, **settings(check)} for check in checks],
    }


def check_registration(check: Check, service: str) -> dict[str, Any]:
    """What registers a check of a service that is registered already."""
    return {"ID": check.id, "ServiceID": service, **settings(check)}


def settings(check: Check) -> dict[str, Any]:
    """A check's settings as Consul takes them. Raises RefusalError where a sealed one is not known any more."""
    found = {}
    for name, value in check.settings:
        if value.startswith(Sealed.PREFIX) and not isinstance(value, Sealed):
            raise RefusalError(
                _GONE,
                f"check {check.id} had a secret in '{name}', which is kept nowhere",
                "Apply the declaration that has it.",
            )
        found[name] = json.loads(value.plain if isinstance(value, Sealed) else value)
    return found


def _split(where: str) -> dict[str, Any]:
    address, _, port = where.rpartition(":")
    bare = address.strip("[]")
    return {"Address": str(ip_address(bare)) if ":" in bare else bare, "Port": int(port)}

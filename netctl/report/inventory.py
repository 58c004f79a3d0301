"""Live resources: listed with their owners, or one of them beside its declaration."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from netctl import __version__
from netctl.engine.diff import differing_fields
from netctl.engine.resource import Desired, Key, Live
from netctl.report.paint import PLAIN, Paint, printable
from netctl.report.plan_json import FORMAT_VERSION, json_attributes
from netctl.report.rows import key_order
from netctl.report.wording import attribute_map, owner_text, summary, type_name, value_text

_HEADINGS = ("ADDRESS", "OWNER", "DECLARATION", "WHAT")
_WIDEST = 60


def inventory_text(found: Iterable[Live], paint: Paint = PLAIN) -> str:
    """A table of live resources: address, stack, declaration, what it is."""
    rows = [_row(live) for live in sorted(found, key=lambda live: key_order(live.key))]
    if not rows:
        return "Nothing is owned by a stack here."
    return "\n".join(_columns([_HEADINGS, *rows], paint))


def _row(live: Live) -> tuple[str, ...]:
    stack, declaration = live.owner or ("foreign", "")
    return str(live.key), stack, declaration, summary(live.attributes)


def inventory_document(found: Iterable[Live]) -> dict[str, Any]:
    """The same as what ``json.dumps`` takes."""
    return {
        "format_version": FORMAT_VERSION,
        "netctl_version": __version__,
        "resources": [_live_document(live) for live in sorted(found, key=lambda live: key_order(live.key))],
    }


class Description(NamedTuple):
    """All that is known of one resource."""

    key: Key
    desired: Desired | None
    live: Live | None
    unread: str = ""
    """Why its live state could not be read, if so."""
    identity: frozenset[str] = frozenset()


def description_text(description: Description, paint: Paint = PLAIN) -> str:
    """Declared and live values side by side; what differs is marked."""
    lines = [paint("bold", printable(str(description.key)))]
    lines += [f"  {label:<12} {printable(value)}" for label, value in _facts(description) if value]
    lines += ["", *_comparison(description, paint)]
    return "\n".join(lines)


def description_document(description: Description) -> dict[str, Any]:
    """The same as what ``json.dumps`` takes."""
    desired, live = description.desired, description.live
    return {
        "format_version": FORMAT_VERSION,
        "netctl_version": __version__,
        "address": str(description.key),
        "declaration": desired.origin.declaration if desired else None,
        "source": {"file": desired.origin.file, "line": desired.origin.line} if desired else None,
        "needs": [str(key) for key in _needs(description)],
        "owner": owner_text(live.owner) if live else None,
        "desired": json_attributes(desired.attributes) if desired else None,
        "live": json_attributes(live.attributes) if live else None,
        "differs": list(_differing(description)),
    }


def _facts(description: Description) -> Iterator[tuple[str, str]]:
    desired, live = description.desired, description.live
    yield "kind", type_name((desired or live).attributes) if desired or live else ""  # type: ignore[union-attr]  # one is
    yield "declared", f"{desired.origin.declaration} ({desired.origin.place})" if desired else "no"
    yield "live", description.unread or (f"yes, owner: {owner_text(live.owner)}" if live else "no")
    yield "lives in", str((desired and desired.within) or (live and live.within) or "")
    yield "needs", ", ".join(str(key) for key in _needs(description))


def _needs(description: Description) -> Sequence[Key]:
    if description.desired:
        return description.desired.needs
    return description.live.needs if description.live else ()


def _differing(description: Description) -> tuple[str, ...]:
    if description.desired is None or description.live is None:
        return ()
    return differing_fields(description.desired.attributes, description.live.attributes)


def _comparison(description: Description, paint: Paint) -> Iterator[str]:
    want = attribute_map(description.desired.attributes) if description.desired else {}
    have = attribute_map(description.live.attributes) if description.live else {}
    differing = _differing(description)
    rows = [("", "ATTRIBUTE", "DECLARED", "LIVE")]
    for name in dict.fromkeys([*want, *have]):
        declared, live = _shown(want, name, absent="not managed"), _shown(have, name, absent="")
        mark = "~" if name in differing or differing == ("type",) else ""
        if declared or live:
            rows.append((mark, name, declared, live))
    for line, row in zip(_columns(rows, paint), rows, strict=True):
        yield paint("yellow", line) if row[0] else line


def _shown(values: Mapping[str, Any], name: str, *, absent: str) -> str:
    if name not in values:
        return "-"
    value = values[name]
    text = absent if value is None else value_text(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _columns(rows: Sequence[tuple[str, ...]], paint: Paint) -> Iterator[str]:
    widths = [min(_WIDEST, max(len(row[index]) for row in rows)) for index in range(len(rows[0]))]
    for number, row in enumerate(rows):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        yield paint("dim", line) if number == 0 else printable(line)


def _live_document(live: Live) -> dict[str, Any]:
    return {
        "address": str(live.key),
        "owner": live.owner.stack if live.owner else None,
        "declaration": live.owner.declaration if live.owner else None,
        "attributes": json_attributes(live.attributes),
    }

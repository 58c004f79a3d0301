"""nftables: the stack's own tables, and its rules in other tools' chains.

A stack owns one table of family ``inet``, and one of family ``bridge`` for what its attachments may send. Each is one
resource with all that is in it. A rule is a sequence of typed
*statements*, spelled as nft spells them; expressions that netctl never writes are read as `Unknown`, so that a rule
which someone else changed always differs. An element of a set is text: ``10.10.0.0/24``, ``nc-web . 10.10.0.0/24``,
and in a map ``nc-web : jump web``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from netctl.engine.resource import Key, Kind
from netctl.kinds.docker import ENGINE

SYSTEM = "nftables"
FAMILY = "inet"
BRIDGE = "bridge"
OWN_FAMILIES = (FAMILY, BRIDGE)
"""Of the tables that a stack may own."""
PUBLISHED = {4: "published4", 6: "published6"}
"""The maps, by family, of the ports that a stack publishes on its hosts; protocol and port are their keys."""

_PRIORITIES = {-300: "raw", -150: "mangle", -100: "dstnat", 0: "filter", 50: "security", 100: "srcnat"}
_QUOTED = frozenset({"iifname", "oifname"})


# Statements are dataclasses, not tuples: two of different types must never be equal.


@dataclass(frozen=True, slots=True)
class Match:
    """A field compared with one value: ``ip saddr 10.0.0.0/8``; ``ct state`` with any of several."""

    field: str
    value: str
    operator: str = "=="
    """``==`` or ``!=``."""

    def __str__(self) -> str:
        value = f'"{self.value}"' if self.field in _QUOTED else self.value
        return f"{self.field} {'!= ' if self.operator == '!=' else ''}{value}"


@dataclass(frozen=True, slots=True)
class Lookup:
    """Fields, side by side, looked up in a set: ``iifname . ip saddr @inside``."""

    fields: tuple[str, ...]
    set: str
    negated: bool = False

    def __str__(self) -> str:
        return f"{' . '.join(self.fields)} {'!= ' if self.negated else ''}@{self.set}"


@dataclass(frozen=True, slots=True)
class VerdictMap:
    """The verdict that a map has for the fields: ``iifname vmap @chains``."""

    fields: tuple[str, ...]
    map: str

    def __str__(self) -> str:
        return f"{' . '.join(self.fields)} vmap @{self.map}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``accept``, ``drop``, ``return``, ``continue``, or ``jump`` and ``goto`` with a chain."""

    kind: str
    chain: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.chain}".rstrip()


@dataclass(frozen=True, slots=True)
class Masquerade:
    """The packet leaves with the address of the interface that it leaves by."""

    flags: tuple[str, ...] = ()
    """Of ``random``, ``persistent``, ``fully-random``, in this order."""

    def __str__(self) -> str:
        return f"masquerade {','.join(self.flags)}".rstrip()


@dataclass(frozen=True, slots=True)
class Translate:
    """The connection goes where a map says for the fields; the rule does not apply where the map has nothing.

    Of the fields, the last may be a random number: ``numgen random mod 2``.
    """

    family: int
    """4 or 6."""
    fields: tuple[str, ...]
    map: str
    """Of an address and a port."""

    def __str__(self) -> str:
        return f"dnat {'ip' if self.family == 4 else 'ip6'} to {' . '.join(self.fields)} map @{self.map}"


@dataclass(frozen=True, slots=True)
class Remember:
    """A map gets an element for the fields, with a number; one that it has lives on for *seconds* from now."""

    fields: tuple[str, ...]
    number: str
    """``numgen random mod 2``."""
    map: str
    """With the flags ``dynamic`` and ``timeout``."""
    seconds: int

    def __str__(self) -> str:
        key = " . ".join(self.fields)
        return f"update @{self.map} {{ {key} timeout {_duration(self.seconds)} : {self.number} }}"


@dataclass(frozen=True, slots=True)
class Recall:
    """The packet's priority becomes the number that a map has for the fields, for the next rule to look at."""

    fields: tuple[str, ...]
    map: str

    def __str__(self) -> str:
        return f"meta priority set {' . '.join(self.fields)} map @{self.map}"


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts packets and bytes; what it has counted is no part of the rule."""

    def __str__(self) -> str:
        return "counter"


@dataclass(frozen=True, slots=True)
class Log:
    """A line in the kernel's log, or a message to the netlink group that a program listens to."""

    prefix: str = ""
    level: str = "warn"
    group: int | None = None
    """Of nflog; with it, there is no level."""

    def __str__(self) -> str:
        prefix = f'log prefix "{self.prefix}"' if self.prefix else "log"
        if self.group is not None:
            return f"{prefix} group {self.group}"
        return prefix if self.level == "warn" else f"{prefix} level {self.level}"


@dataclass(frozen=True, slots=True)
class Reject:
    """The packet is dropped, and its sender told: ``icmpx admin-prohibited``, ``tcp reset``."""

    answer: str = "icmpx port-unreachable"

    def __str__(self) -> str:
        return f"reject with {self.answer}"


@dataclass(frozen=True, slots=True)
class Comment:
    """Text on the rule; the last of its statements."""

    text: str

    def __str__(self) -> str:
        return f'comment "{self.text}"'


@dataclass(frozen=True, slots=True)
class Unknown:
    """A rule that has expressions which netctl does not write. Live only."""

    expressions: str

    def __str__(self) -> str:
        return f"<not netctl's: {self.expressions}>"


Statement = (
    Match
    | Lookup
    | VerdictMap
    | Verdict
    | Masquerade
    | Translate
    | Remember
    | Recall
    | Counter
    | Log
    | Reject
    | Comment
    | Unknown
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; its text is nft's."""

    statements: tuple[Statement, ...]

    def __str__(self) -> str:
        return " ".join(map(str, self.statements))


def rule(*statements: Statement) -> Rule:
    """The rule of these statements."""
    return Rule(statements)


class Set(NamedTuple):
    """A named set; a map where it has data."""

    name: str
    key: tuple[str, ...]
    """The types of the fields that are looked up, as nft names them: ``("ifname", "ipv4_addr")``."""
    data: tuple[str, ...] = ()
    """The types of what is found: ``("verdict",)``; empty for a set."""
    flags: tuple[str, ...] = ()
    """Sorted; ``interval`` where elements are prefixes or ranges, no two of which may overlap; ``dynamic`` where the
    elements are made by rules, and are no part of the set here."""
    elements: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """The declaration as nft prints it; elements sorted as text."""
        lines = [f"\t{'map' if self.data else 'set'} {self.name} {{"]
        lines.append("\t\ttype " + " . ".join(self.key) + (f" : {' . '.join(self.data)}" if self.data else ""))
        lines += [f"\t\tflags {', '.join(self.flags)}"] if self.flags else []
        if self.elements:
            elements = ", ".join(self._quoted(element) for element in sorted(self.elements))
            lines.append(f"\t\telements = {{ {elements} }}")
        return "\n".join([*lines, "\t}"])

    def __repr__(self) -> str:
        """Always the same for equal sets: digests of plans are made of it."""
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._fields[:-1])
        return f"Set({fields}, elements={sorted(self.elements)!r})"

    def _quoted(self, element: str) -> str:
        """The element as nft needs it: names of interfaces in quotes."""
        if "ifname" not in self.key + self.data:
            return element
        key, colon, value = element.partition(" : ")
        return _quoted_names(key, self.key) + colon + (_quoted_names(value, self.data) if colon else "")


class Chain(NamedTuple):
    """A chain; a base chain where it has a hook."""

    name: str
    rules: tuple[Rule, ...] = ()
    type: str = ""
    """``filter``, ``nat`` or ``route``; empty, as what follows, unless it is a base chain."""
    hook: str = ""
    priority: int = 0
    policy: str = ""
    """``accept`` or ``drop``."""

    def __str__(self) -> str:
        lines = [f"\tchain {self.name} {{"]
        if self.hook:
            priority = _PRIORITIES.get(self.priority, str(self.priority))
            lines.append(f"\t\ttype {self.type} hook {self.hook} priority {priority}; policy {self.policy};")
        return "\n".join([*lines, *(f"\t\t{entry}" for entry in self.rules), "\t}"])


class Table(NamedTuple):
    """A table of the stack's."""

    family: str
    name: str
    sets: tuple[Set, ...] = ()
    """Sorted by name."""
    chains: tuple[Chain, ...] = ()
    """Sorted by name; the rules of each in order."""
    flags: tuple[str, ...] = ()
    """Never declared; ``dormant`` where someone switched the table off."""

    def __str__(self) -> str:
        """The table as ``nft list table`` prints it, less the comment that is its mark."""
        flags = [f"\tflags {', '.join(self.flags)}"] if self.flags else []
        body = "\n\n".join([*flags, *map(str, self.sets), *map(str, self.chains)])
        return f"table {self.family} {self.name} {{\n{body}\n}}"


def table_name(stack: str) -> str:
    """The name of the stack's own tables."""
    return f"netctl-{stack}"


def table_key(stack: str, family: str = FAMILY) -> Key:
    """The key of the stack's own table of a family."""
    return Key(SYSTEM, "table", f"{family} {table_name(stack)}")


def own_table(stack: str, sets: Iterable[Set], chains: Iterable[Chain], family: str = FAMILY) -> Table:
    """The stack's table of a family, its sets and chains in canonical order."""
    by_name = attrgetter("name")
    return Table(family, table_name(stack), tuple(sorted(sets, key=by_name)), tuple(sorted(chains, key=by_name)))


def differences(before: Table, after: Table) -> tuple[str, ...]:
    """What changes between two tables, a line each: ``set inside4: + 10.0.0.0/24``, ``chain forward: - accept``."""
    return (
        *_member_differences("set", {s.name: s for s in before.sets}, {s.name: s for s in after.sets}),
        *_member_differences("chain", {c.name: c for c in before.chains}, {c.name: c for c in after.chains}),
        *([f"flags: {_listed(before.flags)} -> {_listed(after.flags)}"] if before.flags != after.flags else []),
    )


TABLE = Kind(SYSTEM, "table", identity=frozenset({"family", "name"}), hinges_on=frozenset({ENGINE}))


class ForeignRule(NamedTuple):
    """A rule of ours at the head of another tool's chain. Its comment is its mark, and no part of the rule here."""

    family: str
    table: str
    chain: str
    rule: Rule


def rule_key(stack: str, family: str, table: str, chain: str, name: str) -> Key:
    """The key of the stack's rule *name* (one word, such as ``in:nc-web``) in another tool's chain."""
    return Key(SYSTEM, "rule", f"{family} {table} {chain} netctl:{stack}:{name}")


RULE = Kind(SYSTEM, "rule", identity=frozenset({"family", "table", "chain"}))


def _duration(seconds: int) -> str:
    """As nft prints it: ``1h30m``."""
    parts = (seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")
    return "".join(f"{count}{unit}" for count, unit in parts if count)


def _quoted_names(text: str, types: tuple[str, ...]) -> str:
    parts = zip(text.split(" . "), types, strict=True)
    return " . ".join(f'"{part}"' if type_ == "ifname" else part for part, type_ in parts)


def _member_differences(
    noun: str, before: dict[str, Set] | dict[str, Chain], after: dict[str, Set] | dict[str, Chain]
) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            yield f"{'-' if new is None else '+'} {noun} {name}"
        elif old != new:
            yield from (f"{noun} {name}: {line}" for line in _lines_of_difference(old, new))


def _lines_of_difference(old: Set | Chain, new: Set | Chain) -> Iterator[str]:
    """What differs in one set or chain. Only the order of rules may be left, which is then said."""
    had, has = _contents(old), _contents(new)
    lines = [f"- {line}" for line in had if line not in has] + [f"+ {line}" for line in has if line not in had]
    yield from lines or ["rules in another order"]


def _contents(member: Set | Chain) -> dict[str, None]:
    if isinstance(member, Set):
        head = str(member._replace(elements=frozenset())).split("\n")[1:-1]
        return dict.fromkeys([*(line.strip() for line in head), *sorted(member.elements)])
    return dict.fromkeys(line.strip() for line in str(member).split("\n")[1:-1])


def _listed(flags: tuple[str, ...]) -> str:
    return ", ".join(flags) or "none"

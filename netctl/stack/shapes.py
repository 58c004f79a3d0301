"""The language's grammar, read from the models: what may stand where.

Pydantic's own view of a model is made for validating. Messages, ``netctl explain`` and the language reference need to
walk it by the keys that a user writes, and to name what is expected in words; both are done over these shapes.
"""

import types
from collections.abc import Callable, Iterator
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import AfterValidator, BaseModel, Discriminator, Tag, TypeAdapter
from pydantic.fields import FieldInfo

from netctl.stack import consul_models, docker_models, durations, mesh_models, policy_scalars, scalars


class Scalar(NamedTuple):
    """Text, a number, true or false."""

    type: type
    noun: str
    """With its article: ``a CIDR``, ``an integer from 68 to 65535``."""


class Words(NamedTuple):
    """One of a few values."""

    choices: tuple[Any, ...]


class Sequence(NamedTuple):
    """A list; of some lists one entry may stand alone."""

    items: "Shape"
    is_single: bool
    limits: tuple[int | None, int | None]


class Mapping(NamedTuple):
    """Values by name."""

    keys: "Shape"
    values: "Shape"


class Record(NamedTuple):
    """A mapping with keys of the language."""

    model: type[BaseModel]

    @property
    def fields(self) -> "dict[str, Field]":
        return fields(self.model)


class Variant(NamedTuple):
    """One of several records, told apart by the value of a key, or (where `key` is empty) by which keys are there."""

    key: str
    default: str
    members: dict[str, Record]
    exceptions: tuple[tuple[str, str], ...] = ()
    """Members that another key tells, and which: ``("docker", "provider")``. It is looked at first."""

    def key_of(self, tag: str) -> str:
        """The key whose value *tag* chooses a member."""
        return dict(self.exceptions).get(tag, self.key)

    @property
    def choices(self) -> list[str]:
        """The values of `key`."""
        return [tag for tag in self.members if tag not in dict(self.exceptions)]


class Either(NamedTuple):
    """A value of one of several shapes; by the name that pydantic has for each."""

    members: "dict[str, Shape]"


Shape = Scalar | Words | Sequence | Mapping | Record | Variant | Either


class Field(NamedTuple):
    """A key of a record."""

    name: str
    shape: Shape
    is_required: bool
    default: Any
    description: str


_NOUNS: dict[Callable[..., Any], str] = {
    scalars.canonical_address: "an address",
    scalars.canonical_cidr: "a CIDR",
    scalars.address_range: "an address, a CIDR or a range `first-last`",
    scalars.prefix_or_default: "a CIDR, an address or `default`",
    scalars.canonical_mac: "a MAC address",
    scalars.interface_name: "an interface's name",
    scalars.netns_name: "the name of a network namespace",
    policy_scalars.port_number: "a port",
    policy_scalars.port_range: "a port or a range of ports",
    policy_scalars.ports_or_protocol: "a port, a range of ports or a protocol",
    policy_scalars.policy_port: "a port, a range of ports, a protocol or a port's name",
    policy_scalars.expected_port: "a port, a port's name or `icmp`",
    policy_scalars.label_expression: "an expression",
    docker_models.container_name: "a container's name",
    docker_models.network_name: "a Docker network's name",
    docker_models.driver_name: "the name of a driver",
    durations.duration: "a duration such as `10s`",
    consul_models.check_url: "a path or a URL",
    consul_models.check_target: "`true`, a port or `host:port`",
    consul_models.instance_id: "an id",
    consul_models.key_path: "a key",
    consul_models.external_host: "a host name or an address",
    consul_models.tagged_address: "an address",
    mesh_models.mesh_name: "a name in Consul or `*`",
    mesh_models.query_name: "a name",
    mesh_models.global_name: "`global`",
}
_PLAIN = {str: "text", int: "an integer", bool: "`true` or `false`"}


PREAMBLE = {
    "include": Field(
        "include",
        Sequence(Scalar(str, "a path"), is_single=True, limits=(None, None)),
        is_required=False,
        default=[],
        description="Files that this one is merged over; paths are relative to it.",
    ),
    "vars": Field(
        "vars",
        Mapping(Scalar(str, "a name"), Scalar(str, "a single value")),
        is_required=False,
        default={},
        description="Values for `${name}`; overridden by `NETCTL_VAR_<name>`, `--var-file` and `--var`, in this order.",
    ),
}
"""Top-level keys that have been dealt with before a stack is validated."""


@cache
def fields(model: type[BaseModel]) -> dict[str, Field]:
    """The model's keys as the user writes them."""
    return {info.alias or name: _field(info.alias or name, info) for name, info in model.model_fields.items()}


def shape_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> Shape:
    """The shape of what an annotation allows; that a key may be left out is not part of it."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return shape_of(args[0], (*args[1:], *metadata))
    if any(isinstance(item, Discriminator) for item in metadata):
        return _variant(args)
    if origin in {Union, types.UnionType}:
        return _union([arg for arg in args if arg is not type(None)], metadata)
    if origin is Literal:
        return Words(args)
    if origin is list:
        marks = list(_flat(metadata))
        return Sequence(shape_of(args[0]), scalars.LISTED in marks, (_limit(marks, MinLen), _limit(marks, MaxLen)))
    if origin is dict:
        return Mapping(shape_of(args[0]), shape_of(args[1]))
    if annotation is Any:
        return Scalar(object, "anything")
    if issubclass(annotation, BaseModel):
        return Record(annotation)
    return Scalar(annotation, _noun(annotation, list(_flat(metadata))))


def expectation(shape: Shape) -> str:
    """What the shape allows, in words: ``a name, a list or a mapping``."""
    return joined(list(dict.fromkeys(_alternatives(shape))), "or")


def _alternatives(shape: Shape) -> Iterator[str]:
    match shape:
        case Scalar():
            yield shape.noun
        case Words():
            yield from (f"`{spelled(choice)}`" for choice in shape.choices)
        case Sequence():
            if shape.is_single:
                yield from _alternatives(shape.items)
            yield "a list"
        case Either():
            for member in shape.members.values():
                yield from _alternatives(member)
        case _:
            yield "a mapping"


def spelled(value: Any) -> str:
    """The value as YAML writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def joined(words: list[str], conjunction: str) -> str:
    """The words as a sentence lists them."""
    return f" {conjunction} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _field(name: str, info: FieldInfo) -> Field:
    default = None if info.is_required() else info.get_default(call_default_factory=True, validated_data={})
    shape = shape_of(info.annotation, tuple(info.metadata) + ((info,) if info.discriminator else ()))
    return Field(name, shape, info.is_required(), default, info.description or "")


def _union(members: list[Any], metadata: tuple[Any, ...]) -> Shape:
    if len(members) == 1:
        return shape_of(members[0], metadata)
    return Either({str(TypeAdapter(member).validator.title): shape_of(member) for member in members})


def _variant(members: tuple[Any, ...]) -> Variant:
    tagged = {tag.tag: args[0] for args in map(get_args, members) for tag in args[1:] if isinstance(tag, Tag)}
    records = {tag: Record(model) for tag, model in tagged.items()}
    exceptions = {tag: "provider" for tag, record in records.items() if _tells("provider", tag, record)}
    others = {tag: record for tag, record in records.items() if tag not in exceptions}
    names = records[next(iter(records))].fields
    key = next((name for name in names if all(_tells(name, *member) for member in others.items())), "")
    default = next((tag for tag, record in others.items() if key and not record.fields[key].is_required), "")
    return Variant(key, default, records, tuple(exceptions.items()))


def _tells(name: str, tag: str, record: Record) -> bool:
    """Whether the value *tag* of the key *name* tells that a declaration is such a record."""
    return name in record.fields and record.fields[name].shape == Words((tag,))


def _flat(metadata: tuple[Any, ...]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from item.metadata
        else:
            yield item


def _limit(marks: list[Any], kind: type[MinLen | MaxLen]) -> int | None:
    found = next((mark for mark in marks if isinstance(mark, kind)), None)
    return None if found is None else found.min_length if isinstance(found, MinLen) else found.max_length


def _noun(annotation: type, marks: list[Any]) -> str:
    if any(getattr(mark, "pattern", None) for mark in marks):
        return "a name"
    for mark in marks:
        if isinstance(mark, AfterValidator) and mark.func in _NOUNS:
            return _NOUNS[mark.func]
    low = next((mark.ge for mark in marks if isinstance(mark, Ge)), None)
    high = next((mark.le for mark in marks if isinstance(mark, Le)), None)
    if low is not None and high is not None:
        return f"an integer from {low} to {high}"
    return _PLAIN[annotation]

"""The registry of diagnostic codes: each code's title, what it means and what to do.

Codes are stable: one that is no longer given is not used again. ``docs/errors.md`` is generated from this table.

    NC101-NC110   reading files
    NC111-NC119   the shape of a declaration (its schema)
    NC121-NC129   YAML
    NC131-NC139   `include`
    NC141-NC149   variables
    NC2xx         what a stack means: references, addresses, overlaps
    NC3xx         what concerns the live host
    NC4xx         plans and ownership
    NC5xx         applying
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Code(NamedTuple):
    """One row of the table of errors."""

    title: str
    explanation: str
    advice: str


_READING = {
    "NC101": Code(
        "A file cannot be read",
        "A file that `-f`, `--var-file` or `include` names does not exist, is not a regular file or a pipe, "
        "or is not readable.",
        "Correct the path, or the file's permissions. Paths in `include` are relative to the file that names them.",
    ),
    "NC102": Code(
        "No stack file found",
        "A directory holds no `*.yaml` or `*.yml` file, a pattern matches nothing, or no file was named.",
        "Name a file, a directory that holds YAML files, a pattern in quotes, or `-` for standard input.",
    ),
    "NC103": Code(
        "A file is too large",
        "A stack file may be 16 MiB at most. A larger one is refused before it is read.",
        "Split the stack over several files; they are merged by name.",
    ),
    "NC104": Code(
        "A file is not UTF-8",
        "Stack files are UTF-8. The message gives the offset of the first byte that is not.",
        "Convert the file, for example with `iconv -t UTF-8`.",
    ),
    "NC105": Code(
        "A file holds a control character",
        "NUL bytes and control characters other than tab and newline are not allowed, written out or as an "
        "escape such as `\\0`.",
        "Remove the character.",
    ),
    "NC106": Code(
        "A file declares nothing",
        "The file is empty, or holds comments only.",
        "Write a stack into it, or do not name it.",
    ),
    "NC107": Code(
        "YAML syntax",
        "The file is not well-formed YAML.",
        "Correct the place that the message points at; often the cause is a wrong indentation or a missing "
        "quote just before it.",
    ),
    "NC108": Code(
        "A duplicate key",
        "A mapping has the same key twice. The message names the line of the first.",
        "Remove or rename one of the two. To override a declaration, put it into a later document or file.",
    ),
    "NC109": Code(
        "An unknown tag",
        "Only YAML's own tags `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!map` and `!!seq` are known.",
        "Remove the tag.",
    ),
    "NC110": Code(
        "The document is not a mapping",
        "A stack is a mapping of keys such as `stack`, `networks` and `routes`; a document that is a list or "
        "a single value is none.",
        "Begin the document with `stack: <name>`.",
    ),
}

_SCHEMA = {
    "NC111": Code(
        "An unknown key",
        "The language has no such key here. The message names the nearest known one.",
        "Correct the key, or remove it. `netctl explain <path>` lists the keys. A top-level key of your own "
        "begins with `x-`.",
    ),
    "NC112": Code(
        "Not supported by this version",
        "The language has a place for this, but this version of netctl does not implement it yet.",
        "Remove it, or use a later version.",
    ),
    "NC113": Code(
        "A required key is missing",
        "The declaration cannot be understood without this key.",
        "Add the key.",
    ),
    "NC114": Code(
        "A value of the wrong type",
        "The value is text where a number is expected, a single value where a mapping is expected, and so on.",
        "Write a value of the type that the message names.",
    ),
    "NC115": Code(
        "A malformed value",
        "The value has the right type, but not the form of an address, a CIDR, a name or whatever is expected.",
        "Write it in the form that the message names.",
    ),
    "NC116": Code(
        "A number out of range",
        "The number is smaller or larger than is allowed here.",
        "Choose one within the limits that the message names.",
    ),
    "NC117": Code(
        "Not one of the choices",
        "The value must be one of a few words.",
        "Write one of those that the message lists.",
    ),
    "NC118": Code(
        "Too many or too few entries",
        "A list or a mapping has more, or fewer, entries than is allowed here.",
        "Add or remove entries.",
    ),
}

_YAML = {
    "NC121": Code(
        "Aliases expand without bound",
        "The aliases (`*name`) and merge keys (`<<`) of a file may stand for one million values in all, and "
        "nothing may contain itself.",
        "Write the values out, or use fewer aliases.",
    ),
    "NC122": Code(
        "Nested too deeply",
        "Mappings and lists may be nested 64 deep.",
        "Flatten the declaration; no declaration of the language needs more than ten levels.",
    ),
    "NC123": Code(
        "A key that is not a scalar",
        "A key of a mapping must be a plain or quoted word, not a mapping, a list or an alias.",
        "Write the key as a word. A value that begins with `{` or `[` and is meant as text needs quotes.",
    ),
    "NC124": Code(
        "An undefined alias",
        "`*name` stands for the value marked `&name` earlier in the same document; there is none.",
        "Define the anchor before its use, or put text that begins with `*` in quotes.",
    ),
    "NC125": Code(
        "A merge key without a mapping",
        "`<<` takes a mapping, or a list of mappings, usually by an alias.",
        "Write `<<: *anchor` or `<<: [*first, *second]`.",
    ),
    "NC126": Code(
        "A YAML directive",
        "Directives such as `%YAML 1.1` and `%TAG` change how a file is read. Stack files are YAML 1.2 and use none.",
        "Remove the line that begins with `%`.",
    ),
    "NC127": Code(
        "A value that contradicts its tag",
        "The value cannot be read as the type that its tag names, as in `!!int abc`.",
        "Correct the value, or remove the tag.",
    ),
}

_INCLUDE = {
    "NC131": Code(
        "A cycle of includes",
        "A file includes itself, directly or by way of others. The message shows the path.",
        "Remove one of the `include` entries on that path.",
    ),
    "NC132": Code(
        "A malformed include",
        "`include` takes a path or a list of paths, relative to the file that names them. Variables are not "
        "expanded in it.",
        "Write `include: [other.yaml]`.",
    ),
}

_VARIABLES = {
    "NC141": Code(
        "An undefined variable",
        "`${name}` has no value and no default, or `${name:?message}` demands one that was not given.",
        "Define it under `vars`, in a `--var-file`, as `NETCTL_VAR_<name>` or with `--var`; or give a "
        "default: `${name:-default}`.",
    ),
    "NC142": Code(
        "A malformed variable reference",
        "A dollar sign begins `$name`, `${name}`, `${name:-default}`, `${name-default}`, `${name:?message}`, "
        "`${name?message}`, "
        "`${name:+other}` or `${name+other}`.",
        "Correct the reference; write `$$` for a dollar sign.",
    ),
    "NC143": Code(
        "A malformed variable definition",
        "A variable's name consists of letters, digits and `_` and does not begin with a digit. "
        "Its value is a single value, not a mapping or list, and is taken as it is: it cannot refer to other "
        "variables.",
        "Correct the definition.",
    ),
    "NC144": Code(
        "A variable that nothing uses",
        "`--var` sets a variable that the stack neither declares under `vars` nor refers to.",
        "Correct the name, or remove the option.",
    ),
    "NC145": Code(
        "Variables expand without bound",
        "The text that variables expand to may be 16 MiB in all.",
        "Use shorter values, or fewer references.",
    ),
}

_MEANING = {
    "NC201": Code(
        "A subnet that is not declared",
        "A network or overlay refers to a subnet by a name that `subnets` does not have.",
        "Correct the name, declare the subnet, or write the subnet in place of its name.",
    ),
    "NC202": Code(
        "A host that is not declared",
        "A `hosts` selector names a host that `hosts` does not have.",
        "Correct the name, or declare the host.",
    ),
    "NC203": Code(
        "A selector that selects no host",
        "A warning: no host has these labels, or an attachment selects hosts that its network is not on. Nothing "
        "is made.",
        "Correct the labels or names, or declare a host that they select.",
    ),
    "NC204": Code(
        "Two hosts with one id",
        "A host's `id` decides its addresses, so no two hosts can have the same.",
        "Give one of them another id. Do not change the id of a host that is in use: its addresses change with it.",
    ),
    "NC205": Code(
        "Two hosts with one address",
        "`address` is where a host's peers reach it.",
        "Correct one of the two.",
    ),
    "NC206": Code(
        "A host without an id",
        "The host has a block of a `per_host` subnet, or a place on a bridged overlay, and its `id` decides which.",
        "Give the host an `id` from 1 to 65535 that stays the same.",
    ),
    "NC207": Code(
        "A network for several hosts in a stack without hosts",
        "Overlays, and subnets with `per_host`, mean something only where `hosts` are declared.",
        "Declare `hosts` with an `id` and an `address` for each.",
    ),
    "NC208": Code(
        "Hosts of different address families",
        "The hosts of an overlay reach each other by their `address`, so all of them need one of the same family.",
        "Give all hosts of the overlay an IPv4 address, or all an IPv6 address.",
    ),
    "NC209": Code(
        "A host gateway of another family",
        "`backend: host-gw` makes a peer's address the gateway to its block; both must be of one family.",
        "Use `backend: vxlan`, which carries either family over either.",
    ),
    "NC210": Code(
        "Two CIDRs of one family",
        "A subnet has one CIDR, or one IPv4 and one IPv6 CIDR.",
        "Declare a second subnet.",
    ),
    "NC211": Code(
        "Overlapping subnets",
        "Two subnets have addresses in common, so a packet to them could go either way. The message names both.",
        "Choose prefixes that do not overlap.",
    ),
    "NC212": Code(
        "A subnet in two networks",
        "Two networks on one host, or on one segment, cannot have the same subnet.",
        "Declare a subnet for each. Bridges and routed overlays that share no host can have the same one.",
    ),
    "NC213": Code(
        "A `per_host` that does not fit",
        "Each host's block must be smaller than the subnet; a routed overlay needs four addresses of it at least. "
        "A list has one length for each CIDR.",
        "Choose a longer prefix length, within the limits that the message names.",
    ),
    "NC214": Code(
        "An id beyond the subnet",
        "A host's id is larger than the number of the last block, or of the last address of a bridged overlay.",
        "Choose a larger CIDR, smaller blocks, or smaller ids.",
    ),
    "NC215": Code(
        "A gateway that cannot be",
        "The gateway is not a usable address of its subnet, there are two of one family, or the subnet has "
        "`per_host`, where each block has its own.",
        "Correct or remove `gateway`; by default it is the first address.",
    ),
    "NC216": Code(
        "A range outside its subnet",
        "`reserved` and `range` choose among the subnet's own addresses.",
        "Correct the range.",
    ),
    "NC217": Code(
        "A range that is none",
        "A range is `first-last`, both of one family, the first not after the last.",
        "Correct the range.",
    ),
    "NC218": Code(
        "A host's address inside a network",
        "The subnet has an address that is a host's own on the underlay: the host would look for its peers on "
        "this network. A warning for a bridge, an error for an overlay.",
        "Choose another subnet.",
    ),
    "NC219": Code(
        "A subnet of the wrong shape",
        "A routed overlay needs a subnet with `per_host`; a bridged overlay and a macvlan network need one without.",
        "Add or remove `per_host`, or change `mode`.",
    ),
    "NC220": Code(
        "An address outside its subnet",
        "An endpoint's address must be in the network's subnet, and with `per_host` in the block of the host that "
        "it is on.",
        "Correct the address, or leave it out to have one assigned.",
    ),
    "NC221": Code(
        "An address that is taken",
        "The address is the network's or broadcast address, a gateway, a host's own, or in a reserved range.",
        "Choose another, or leave it out to have one assigned.",
    ),
    "NC222": Code(
        "An address given twice",
        "Two endpoints of one segment declare the same address.",
        "Change or remove one of the two.",
    ),
    "NC223": Code(
        "An exhausted pool",
        "More endpoints need an address than the subnet (or the host's block) has left after what is reserved, "
        "declared and needed for gateways.",
        "Choose a larger subnet or larger blocks, widen `range`, or reserve less.",
    ),
    "NC224": Code(
        "One address on several hosts",
        "An attachment that is on several hosts of one segment or overlay declares an address, which only one of "
        "them can have.",
        "Name one host in its `hosts`, or leave the address out.",
    ),
    "NC225": Code(
        "An interface attached twice",
        "Two attachments make the same interface in the same namespace on the same host.",
        "Give one of them another `interface`, or other `hosts`.",
    ),
    "NC226": Code(
        "Two default routes",
        "A namespace is attached to two networks and gets a default route through both.",
        "Say `default_route: false` on all attachments but one.",
    ),
    "NC227": Code(
        "A MAC address given twice",
        "Two endpoints of one segment declare the same MAC address, or one that is on several hosts does.",
        "Change or remove one of the two.",
    ),
    "NC228": Code(
        "An interface that is used twice",
        "An interface can be a port of one bridge, and is then no macvlan's parent; a `passthru` parent has one "
        "endpoint; a bridge is no port of a bridge.",
        "Remove one of the two uses, or choose different `hosts`.",
    ),
    "NC229": Code(
        "Two interfaces of one name",
        "Two declarations would make an interface of the same name on the same host.",
        "Rename one of them, or choose its interface's name with `interface_name` or `host_interface`.",
    ),
    "NC230": Code(
        "A VNI given twice",
        "Two overlays with one VNI on one UDP port cannot be told apart.",
        "Give each overlay its own `vni`.",
    ),
    "NC231": Code(
        "An MTU too small for IPv6",
        "A link that carries IPv6 has an MTU of 1280 at least (RFC 8200).",
        "Raise the MTU, or remove the IPv6 CIDR.",
    ),
    "NC232": Code(
        "An internal network with masquerading",
        "Nothing leaves an internal network, so there is nothing to masquerade.",
        "Remove `nat: masquerade` or `internal: true`.",
    ),
    "NC240": Code(
        "A route that leads nowhere",
        "A unicast route needs `via`, `dev` or `nexthops`; each next hop needs `via` or `dev`.",
        "Say where the route leads, or give it `type: blackhole`.",
    ),
    "NC241": Code(
        "A route that contradicts itself",
        "`nexthops` takes the place of `via` and `dev`; a blackhole route has none of them; `onlink` needs `via` "
        "and `dev`.",
        "Remove one of the two.",
    ),
    "NC242": Code(
        "A route of two families",
        "The destination, the gateways and the source of a route are all IPv4 or all IPv6; of `default`, one of "
        "them or `family` must tell.",
        "Correct the address, or give `family`.",
    ),
    "NC243": Code(
        "A route given twice",
        "Two routes of a host have the same destination, table and metric.",
        "Change the metric or the table of one, or join them with `nexthops`.",
    ),
    "NC250": Code(
        "A rule without a table",
        "A rule that looks up a table must name it.",
        "Give `table`, or another `action`.",
    ),
    "NC251": Code(
        "A rule that contradicts itself",
        "`table` is for `action: lookup`; a mark has no bits outside its mask; `from` and `to` are of one family.",
        "Correct the rule.",
    ),
    "NC252": Code(
        "A rule given twice",
        "Two rules of a host select the same packets at the same priority.",
        "Change the priority of one, or remove it.",
    ),
}

_HOST = {
    "NC321": Code(
        "Which host is this?",
        "The stack declares `hosts`, and neither `--host`, nor the hostname, nor an address tells which of them "
        "this machine is.",
        "Give `--host`, or declare this machine.",
    ),
    "NC322": Code(
        "No underlay interface",
        "An overlay needs the interface that has the host's `address`, or the one that `interface` names, and it "
        "is not there.",
        "Correct the host's `address` or `interface`.",
    ),
    "NC323": Code(
        "An underlay address that is not there",
        "A warning: the underlay interface does not have the host's `address`, so replies from peers may not arrive.",
        "Correct the host's `address`, or give it to the interface.",
    ),
    "NC324": Code(
        "An interface that does not exist",
        "A macvlan's parent, a port of a bridge, or the device of a route is not on this host.",
        "Correct the name, create the interface, or say with `hosts` where it is.",
    ),
    "NC325": Code(
        "A namespace that does not exist",
        "netctl attaches network namespaces but never creates them.",
        "Create it with `ip netns add <name>`, or let the container runtime do so first.",
    ),
    "NC326": Code(
        "Hosts that share no link",
        "`backend: host-gw` reaches every peer directly, and a peer's address is not on a prefix of the underlay "
        "interface.",
        "Use `backend: vxlan`, with `direct_routing` for the hosts that do share a link.",
    ),
    "NC327": Code(
        "An MTU that does not fit",
        "The overlay's MTU and its encapsulation are together more than the underlay's MTU; or what is left is "
        "too little for IPv6.",
        "Lower the overlay's `mtu` or use `auto`, or raise the underlay's.",
    ),
    "NC328": Code(
        "A gateway that is out of reach",
        "A route's gateway or next hop is not on a link of this host.",
        "Name the device with `dev`, correct the address, or say with `hosts` where the route belongs.",
    ),
    "NC329": Code(
        "A subnet that is in use already",
        "A warning: an interface of this host that is not the stack's has an address in a subnet of the stack.",
        "Choose another subnet, or remove the address.",
    ),
    "NC330": Code(
        "A port with an address",
        "A warning: an interface that becomes a port of a bridge has an address, which does not work there.",
        "Give the address to the bridge.",
    ),
    "NC331": Code(
        "Declared twice on this host",
        "Two declarations come to the same object of the kernel, for example a static route and an overlay's.",
        "Remove one of the two, or give it another table, metric or name.",
    ),
}

CODES: Mapping[str, Code] = MappingProxyType(
    {**_READING, **_SCHEMA, **_YAML, **_INCLUDE, **_VARIABLES, **_MEANING, **_HOST}
)

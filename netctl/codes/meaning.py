"""NC2xx: what a stack means."""

from netctl.codes.code import Code

MEANING = {
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
    "NC233": Code(
        "A subnet that no host can have addresses of",
        "The range is of another use: loopback, multicast, link-local (IPv6), reserved, or the unspecified address.",
        "Choose a subnet of private or global unicast addresses.",
    ),
    "NC234": Code(
        "A network that declares nothing",
        "A warning: after the network's name comes no key of its own, as where all of them are commented out. That is "
        "a bridge without an address, with nothing attached to it.",
        "Give the network its keys, or say `driver: bridge` if a bare bridge is meant.",
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
    "NC244": Code(
        "A route through a guarded attachment",
        "An attachment may send from its own addresses alone, so that what it forwards for others is dropped.",
        "If it is a router, give it `anti_spoofing: false`.",
    ),
    "NC245": Code(
        "A link-local gateway without its link",
        "An IPv6 link-local address (`fe80::/10`) belongs to a link, and another link may have the same one.",
        "Name the interface with `dev`.",
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
    "NC281": Code(
        "What Docker cannot make",
        "A setting of a Docker network that Docker has no way to express, or that contradicts another.",
        "Do what the message says.",
    ),
    "NC282": Code(
        "A network that is only referred to",
        "`external: true` and the drivers `host` and `none` refer to a network that exists. It is never made or "
        "changed, so it takes no settings; and Docker's own networks can only be referred to.",
        "Remove the settings, or `external`.",
    ),
    "NC283": Code(
        "Two Docker networks of one name",
        "A Docker network is named `<stack>_<name>` unless `name` says otherwise; no host can have two of one name.",
        "Rename one of them, or choose different `hosts`.",
    ),
    "NC285": Code(
        "A container on several networks",
        "A service selects a container that is on more than one of the stack's networks, and has an address on each.",
        "Say with the service's `network` which of them counts.",
    ),
    "NC286": Code(
        "A leg that the overlay cannot have",
        "A Docker network with `overlay` is the local leg of a routed overlay: a bridge with the overlay's subnet, MTU "
        "and masquerading, on hosts where nothing is attached to the overlay itself.",
        "Do what the message says.",
    ),
    "NC284": Code(
        "A container that cannot be attached so",
        "A container is attached to a network twice, or to `host` or `none`, or to the default bridge with an address.",
        "Do what the message says.",
    ),
}

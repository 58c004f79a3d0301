"""NC3xx: what concerns the live host."""

from netctl.codes.code import Code

HOST = {
    "NC301": Code(
        "A network namespace that does not exist",
        "`--netns` names a namespace that is not in `/run/netns`. It is not made silently.",
        "Correct the name, or make it with `ip netns add <name>`.",
    ),
    "NC302": Code(
        "A missing privilege",
        "Changing the network needs the capability CAP_NET_ADMIN.",
        "Run as root. `netctl plan` shows what would change without it.",
    ),
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
        "too little for IPv6; or a macvlan's MTU is more than its parent's.",
        "Lower the `mtu`, of an overlay by `auto`, or raise that of the interface below.",
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
    "NC332": Code(
        "The host's own namespace attached to itself",
        "An attachment names the network namespace that netctl acts in, which is the host.",
        "Attach another namespace, or act in another one with `--netns`.",
    ),
    "NC333": Code(
        "An endpoint that gets another address",
        "A warning: in a stack with hosts an address that is not declared follows from the names of all that is "
        "attached beside it, so that every host comes to the same. An endpoint was added or removed whose name meets "
        "that of this one, which moves.",
        "Declare the `address` that the endpoint has, to keep it.",
    ),
    "NC334": Code(
        "A port that another stack publishes",
        "A warning: two stacks publish a service at the same port of this host. Only one of them gets the connections.",
        "Publish one of the two services at another port.",
    ),
    "NC335": Code(
        "An interface that cannot be a port",
        "`attach` names a bridge, or the loopback interface, as a port of a bridge. The kernel takes neither.",
        "Attach a physical interface, or connect the two bridges by a veth pair.",
    ),
    "NC341": Code(
        "A container that is not there yet",
        "A warning: `attach` names a container that Docker does not have on this host.",
        "Create the container; the next apply attaches it.",
    ),
    "NC342": Code(
        "A Docker network that is not there",
        "A network with `external: true` is referred to, never made; Docker has none of this name on this host.",
        "Correct `name`, create the network, or leave `external` out.",
    ),
    "NC343": Code(
        "A container that can join no network",
        "A container made with `--network host`, `none` or `container:` cannot be attached to another network.",
        "Make the container without this mode, or remove the attachment.",
    ),
    "NC344": Code(
        "An Engine that is elsewhere",
        "A warning: policies govern containers on a network of Docker whose bridge is no interface of this host. "
        "`DOCKER_HOST` names the Engine of another machine, or of another network namespace, whose packets do not pass "
        "here; or someone has deleted the bridge.",
        "Apply on the Engine's own host, in its own namespace; restart Docker where it has lost its bridge.",
    ),
}

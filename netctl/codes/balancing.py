"""NC29x and NC361: virtual addresses, published ports and zones of DNS."""

from netctl.codes.code import Code

BALANCING = {
    "NC290": Code(
        "Weights that are all 0",
        "An endpoint of weight 0 gets no new connections. Where all of a service's endpoints have it, nobody gets any.",
        "Give at least one endpoint a weight of 1 or more, or leave the weights out.",
    ),
    "NC291": Code(
        "No such port to offer",
        "A virtual address leads to the ports of its service, and a publication to one of them. The service has no "
        "port, or not the one that is published.",
        "Give the service the port, or correct the publication: the host's port, a colon, the service's.",
    ),
    "NC292": Code(
        "A virtual address that is not in its subnet",
        "The address is outside the subnet `vips` (or the one that `vip` names), in a reserved range of it, its "
        "network or broadcast address, or a second one of its family.",
        "Choose another address, or `auto` to have one assigned.",
    ),
    "NC293": Code(
        "A virtual address that is given twice",
        "Two services have the same virtual address. The message names the first.",
        "Give each service an address of its own, or `auto`.",
    ),
    "NC294": Code(
        "Virtual addresses in a network's subnet",
        "No interface has a virtual address, so that it cannot be found on a link; it is reached by routing. And it is "
        "the same on every host, so that its subnet has no blocks for each.",
        "Declare a subnet that virtual addresses alone are from, without `per_host`.",
    ),
    "NC295": Code(
        "Too few virtual addresses",
        "More services want an address of the subnet than it has.",
        "Choose a larger subnet, or reserve fewer addresses of it.",
    ),
    "NC296": Code(
        "A port that is published twice",
        "Two publications are at the same port and protocol of the hosts. The message names the first.",
        "Publish one of them at another port.",
    ),
    "NC297": Code(
        "A port of the host's own that is published",
        "What comes to a published port goes to the service, and no longer to the host: ssh at port 22, a Consul agent "
        "or the end of a tunnel could not be reached any more. Those ports are the ones that "
        "[no policy closes](policies.md).",
        "Publish the service at another port. If it is meant, and nothing of the host's own listens there, list under "
        "`failsafe: {ingress: […]}` the ports that have to stay open, without this one.",
    ),
    "NC298": Code(
        "Two zones in each other's way",
        "The zone of services and the domain of Consul's names are one, or one of them lies where the other one has "
        "its names. Of a name in two zones the inner one answers alone.",
        "Choose another zone, or another domain for Consul's names; or have none of them: `dns: {consul: false}`.",
    ),
    "NC299": Code(
        "A domain that leaves no room for names",
        "A name in DNS has 253 characters at most, and the service, the stack, and the endpoint or the port need some.",
        "Choose a shorter domain.",
    ),
    "NC361": Code(
        "An endpoint that is not healthy",
        "A warning: a health check of the endpoint fails, its container does not run or is not healthy, or somebody "
        "has put it into maintenance. Virtual addresses, published ports and DNS leave it out; its connections go on.",
        "See what is wrong with it. It is taken in again by a running `netctl watch`, or the next `netctl apply`.",
    ),
}

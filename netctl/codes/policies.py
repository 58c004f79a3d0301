"""NC26x and NC27x: services, policies and what is expected of them."""

from netctl.codes.code import Code

POLICIES = {
    "NC260": Code(
        "A selector that names what is not declared",
        "A selector, or a service, names a service, network, overlay or host that the stack does not have.",
        "Correct the name, or declare it.",
    ),
    "NC261": Code(
        "A selector that selects nothing",
        "A warning: no endpoint is what the selector says, so that a policy governs nobody by it, or a rule admits "
        "nobody.",
        "Correct the selector, or the labels of the endpoints that it is to select.",
    ),
    "NC262": Code(
        "A policy that governs nothing",
        "A policy governs the directions whose key it has: `ingress`, `egress`, or both.",
        "Add `ingress` or `egress`; an empty list denies everything in that direction.",
    ),
    "NC263": Code(
        "Two tiers of one order",
        "The order of tiers decides which of them is asked first, so no two can have the same. The tier `default` has "
        "1000000 unless it is declared.",
        "Give each tier an order of its own.",
    ),
    "NC264": Code(
        "A tier that is not declared",
        "A policy names a tier that `tiers` does not have.",
        "Correct the name, or declare the tier with its order.",
    ),
    "NC265": Code(
        "A rule that never matches",
        "A warning: no connection can match the rule, because of the families of addresses, or because no endpoint has "
        "the port that it names.",
        "Correct the rule, or remove it.",
    ),
    "NC266": Code(
        "A rule that an earlier one shadows",
        "A warning: whatever would match the rule has been decided by an earlier one. The message names it.",
        "Remove the rule, or put it before the other; across policies, by a lower `order`.",
    ),
    "NC267": Code(
        "An expectation that does not hold",
        "The policies decide otherwise on a connection that `expect` speaks of. The message names the connection, and "
        "the rule or the policy that decides.",
        "Correct the policy, or the expectation.",
    ),
    "NC268": Code(
        "No failsafe ports",
        "A warning: a list of `failsafe` is empty, so that a policy can close every port of a host, ssh among them.",
        "List the ports by which a host is to be reached whatever policies say, or leave the key out for the default.",
    ),
    "NC269": Code(
        "A named port that means two things",
        "Two services give one of their endpoints different ports under one name, so that a rule that uses the name "
        "would mean either.",
        "Rename one of them.",
    ),
    "NC270": Code(
        "A policy that is never consulted",
        "A warning: an earlier tier governs everything that the policy applies to, and decides it, because no rule of "
        "that tier says `pass`.",
        "Add a rule with `action: pass` to the earlier tier, or move the policy into it.",
    ),
    "NC271": Code(
        "A policy that cannot be enforced",
        "A warning: the policy applies to an endpoint of a macvlan network, whose packets go to the parent interface "
        "without passing this host's firewall; or to one of a network without a subnet, whose addresses are not known.",
        "Use a bridge network with a subnet, or exclude these endpoints from the policy.",
    ),
    "NC272": Code(
        "An expectation that proves nothing",
        "A warning: `from` and `to` select no pair of ends of which the stack's policies decide.",
        "Correct the selectors.",
    ),
}

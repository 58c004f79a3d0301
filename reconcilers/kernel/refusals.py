"""What a refusal of the kernel's means: for the change, and for the user."""

import errno

from netctl.engine.change import Action, Change, Failure
from netctl.engine.resource import Attributes
from netctl.kinds.address import Address
from netctl.kinds.link import Macvlan
from reconcilers.kernel import wire
from reconcilers.kernel.addresses import prefix_of
from reconcilers.kernel.rtnetlink import KernelError, Request

_GONE = frozenset({errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.EADDRNOTAVAIL})
_ADVICE = {
    errno.EPERM: "it needs CAP_NET_ADMIN: run as root",
    errno.EACCES: "it needs CAP_NET_ADMIN: run as root",
    errno.EEXIST: "something of that name has appeared meanwhile: plan again",
    errno.EBUSY: "it is in use by something else",
    errno.EOPNOTSUPP: "this kernel cannot do it: see `netctl doctor`",
    errno.ENODEV: "the interface has gone meanwhile: plan again",
    errno.ENETUNREACH: "the gateway is not on a link of this host, or that link is down",
    errno.EHOSTUNREACH: "the gateway is not on a link of this host, or that link is down",
    errno.ENETDOWN: "the interface is down",
    errno.EADDRINUSE: "another device uses the same values (a VXLAN with the same VNI and port, for one)",
}


def is_done(change: Change, request: Request, error: KernelError) -> bool:
    """Whether *request* is done although the kernel refused it: what is to be deleted has gone already."""
    return error.errno in _GONE and (change.action is Action.DELETE or wire.is_deletion(request.type))


def explain(change: Change, error: KernelError) -> Failure:
    """The failure of *change*, in words."""
    return Failure(f"{change.action} {change.key}", str(error), _advice(change.after, error))


def _advice(wanted: Attributes | None, error: KernelError) -> str:
    if "VNI" in error.message:
        return "another VXLAN device has this VNI and port (see `ip -d link show type vxlan`): declare another"
    if isinstance(wanted, Macvlan) and error.errno in {errno.EINVAL, errno.EBUSY}:
        return (
            f"{wanted.parent} is a port of a bridge, or a macvlan in mode passthru has it for itself "
            "(see `ip -d link show type macvlan`, in its namespaces too)"
        )
    if isinstance(wanted, Address) and error.errno == errno.EEXIST:
        prefix = prefix_of(wanted.address)
        return f"another route to {prefix} is in the place of the address's own: see `ip route show {prefix}`"
    return _ADVICE.get(error.errno, "")

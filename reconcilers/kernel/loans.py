"""What netctl changes of interfaces that are not its own: a port's master, a sysctl. It is marked, and given back."""

from typing import cast

from netctl.engine.change import Change, Failure
from netctl.kinds.link import Port
from netctl.kinds.sysctl import Sysctl, is_bridge_setting
from netctl.system.namespaces import inside
from reconcilers.kernel.bridge_settings import set_bridge_setting
from reconcilers.kernel.link_requests import set_altnames, set_master
from reconcilers.kernel.marks import Loan, read_loans
from reconcilers.kernel.refusals import explain
from reconcilers.kernel.rtnetlink import Request
from reconcilers.kernel.sources import Sources
from reconcilers.kernel.sysctls import write_sysctl
from reconcilers.kernel.view import View


def take_over(change: Change, sources: Sources) -> Failure | None:
    """Set a port or a sysctl, remembering in a mark what it was; the mark comes first, so that nothing is forgotten."""
    try:
        if isinstance(change.after, Port):
            return _take_port(change, change.after, sources)
        return _take_sysctl(change, cast(Sysctl, change.after), sources)
    except KeyError as missing:
        return Failure(f"{change.action} {change.key}", f"there is no interface {missing.args[0]}", "plan again")
    except ValueError as too_long:
        return Failure(f"{change.action} {change.key}", str(too_long))


def give_back(change: Change, sources: Sources) -> Failure | None:
    """Restore what a port or a sysctl was before the stack changed it, and then take the mark away.

    An interface that is gone has taken its mark, and what was changed of it, along.
    """
    link = change.before.name if isinstance(change.before, Port) else cast(Sysctl, change.before).link
    if link not in sources.root().indexes:
        return None
    if isinstance(change.before, Port):
        return _give_port_back(change, change.before, sources)
    return _give_sysctl_back(change, cast(Sysctl, change.before), sources)


def _take_port(change: Change, port: Port, sources: Sources) -> Failure | None:
    root = sources.root()
    before = change.before if isinstance(change.before, Port) else port
    master = root.index_of(port.master) if port.master else 0
    requests = _marking(change, root, port.name, "port", _remembered(before))
    requests.append(set_master(root.index_of(port.name), master, up=port.up))
    return _send(change, root, requests)


def _give_port_back(change: Change, port: Port, sources: Sources) -> Failure | None:
    root = sources.root()
    loan = _loan(root, port.name, change, "port")
    if loan is None:
        return None
    index = root.index_of(port.name)
    up, _, master = loan.before.partition(":")
    requests = [
        set_master(index, root.indexes.get(master, 0), up=up == "1"),
        set_altnames(index, [loan.altname(port.name)], present=False),
    ]
    return _send(change, root, requests)


def _remembered(port: Port) -> str:
    """``1`` or ``0``, whether it was up, and whose port it was: ``1:br0``. An equals sign would end the mark's name."""
    up = "1" if port.up else "0"
    return f"{up}:{port.master}" if port.master and "=" not in port.master else up


def _take_sysctl(change: Change, sysctl: Sysctl, sources: Sources) -> Failure | None:
    root = sources.root()
    if change.before is None:
        return Failure(f"set {sysctl.name}", "this kernel has no such parameter, or there is no such interface")
    before = cast(Sysctl, change.before).value
    original = next((loan.before for loan in _loans(root, sysctl.link) if loan.what == sysctl.name), before or "")
    failure = _send(change, root, _marking(change, root, sysctl.link, sysctl.name, original))
    if failure is not None:
        return failure
    if change.owner is None and any(loan.what == sysctl.name for loan in _loans(root, sysctl.link)):
        return None  # this is undone, and another stack needs it still
    return _set(change, sysctl, sysctl.value or "", sources)


def _give_sysctl_back(change: Change, sysctl: Sysctl, sources: Sources) -> Failure | None:
    """The value is put back only where no other stack needs it too."""
    root = sources.root()
    loan = _loan(root, sysctl.link, change, sysctl.name)
    if loan is None:
        return None
    others = [other for other in _loans(root, sysctl.link) if other.what == sysctl.name and other != loan]
    failure = None if others else _set(change, sysctl, loan.before, sources)
    if failure is not None:
        return failure
    request = set_altnames(root.index_of(sysctl.link), [loan.altname(sysctl.link)], present=False)
    return _send(change, root, [request])


def _set(change: Change, sysctl: Sysctl, value: str, sources: Sources) -> Failure | None:
    """Write a value, into ``/proc/sys`` or to a bridge."""
    if is_bridge_setting(sysctl.name):
        root = sources.root()
        return _send(change, root, [set_bridge_setting(sysctl.name, value, root.index_of(sysctl.link))])
    with inside(sources.netns):
        return write_sysctl(sysctl.name, value)


def _marking(change: Change, root: View, link: str, what: str, before: str) -> list[Request]:
    """The request that marks what is taken over, or (when that is undone) takes the mark away; none where it stays."""
    index = root.index_of(link)
    if change.owner is not None and change.owner_before is None:
        return [set_altnames(index, [Loan(change.owner.stack, what, before).altname(link)], present=True)]
    if change.owner is None and (loan := _loan(root, link, change, what)):
        return [set_altnames(index, [loan.altname(link)], present=False)]
    return []


def _loans(root: View, link: str) -> tuple[Loan, ...]:
    """The loans on a link, as it is now: it may have been marked since the last observation."""
    row = root.read_link(link)
    return read_loans(row.altnames, link) if row else ()


def _loan(root: View, link: str, change: Change, what: str) -> Loan | None:
    stack = change.owner_before.stack if change.owner_before else ""
    return next((loan for loan in _loans(root, link) if loan.stack == stack and loan.what == what), None)


def _send(change: Change, root: View, requests: list[Request]) -> Failure | None:
    errors = [error for error in root.socket.transact(requests) if error is not None]
    return explain(change, errors[0]) if errors else None

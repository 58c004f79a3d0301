"""The stacks of a namespace by their numbers, which are all that a rule or a claim tells."""

from netctl.engine.resource import Owner
from netctl.kinds.route import CLAIM_TABLES, PROTOCOL, stack_number
from reconcilers.kernel.marks import read_loans
from reconcilers.kernel.routes import RouteRow
from reconcilers.kernel.view import View


class Stacks:
    """Those that have a link there, or a loan."""

    def __init__(self, root: View) -> None:
        names = {owner.stack for owner in root.owned.values()}
        names |= {loan.stack for row in root.links.values() for loan in read_loans(row.altnames, row.name)}
        self._names = {stack_number(name): name for name in names}

    def named(self, number: int) -> Owner | None:
        """The owner with this number; None where nothing else tells the name."""
        name = self._names.get(number)
        return None if name is None else Owner(name)

    def owner(self, number: int) -> Owner | None:
        """The owner with this number; by the number itself where nothing else tells the name."""
        return (self.named(number) or Owner(f"{number:#x}")) if is_stack_number(number) else None


def is_stack_number(number: int) -> bool:
    """Whether it can be the number of a stack's."""
    return number >> 24 == CLAIM_TABLES >> 24


def is_claim(row: RouteRow) -> bool:
    """Whether a route is a claim, whichever stack's."""
    return row.protocol == PROTOCOL and is_stack_number(row.route.table)

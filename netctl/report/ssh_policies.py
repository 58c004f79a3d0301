"""Would the policies that a plan puts in force cut the SSH connection that it is run over?

They judge every packet of a connection, also of one that is there already.
"""

from collections.abc import Iterator
from ipaddress import ip_address

from netctl.engine.change import Action
from netctl.engine.plan import Plan
from netctl.kinds.nftables import TABLE
from netctl.policy.evaluate import Evaluator
from netctl.policy.explanation import because
from netctl.policy.model import Connection, Endpoint, PolicySet, Protocol
from netctl.policy.verdicts import Decision, Verdict
from netctl.report.ssh_cut import Connection as SshConnection


def policy_warnings(plan: Plan, policies: PolicySet | None, host: str, connection: SshConnection | None) -> list[str]:
    """One sentence where what judges packets changes, and denies *connection* to the *host*."""
    if connection is None or policies is None or not _changes_tables(plan):
        return []
    return [
        f"this would cut the SSH connection from {connection.client} that netctl runs over: {because(decision)}"
        for decision in _decisions(policies, host, connection)
        if decision.verdict is Verdict.DENY
    ]


def _changes_tables(plan: Plan) -> bool:
    kinds = ((change.key.system, change.key.kind) for change in plan.changes if change.action is not Action.DELETE)
    return (TABLE.system, TABLE.name) in kinds


def _decisions(policies: PolicySet, host: str, connection: SshConnection) -> Iterator[Decision]:
    """What becomes of it at each endpoint that stands for the server's address."""
    family = ip_address(connection.server).version
    client = next((end.name for end in policies.endpoints.values() if connection.client in end.addresses), "")
    for name, end in policies.endpoints.items():
        if end.host == host and _stands_for(end, connection.server):
            # Whichever address of the host it is to, declared or not, the host's policies judge it.
            there = {**policies.endpoints, name: end._replace(addresses=(connection.server,))}
            asked = Connection(client or connection.client, name, Protocol.TCP, connection.port, None, family)
            yield Evaluator(policies._replace(endpoints=there)).decide(asked)


def _stands_for(end: Endpoint, address: str) -> bool:
    return end.kind == "host" or (end.kind == "address" and address in end.addresses)

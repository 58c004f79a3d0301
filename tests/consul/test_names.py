"""The embedded server's names for services beside those that a real Consul gives the same stack."""

from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.query

from tests.consul.agent import Agent
from tests.dns.serving import serving
from tests.e2e.lab import Lab
from tests.support.namespaces import call_in, wait_until

TEXT = """
stack: shop
consul: {}
dns: {consul: consul}
services:
  db: {ports: {sql: 5432, admin: 100, stat: 100/udp}, tags: [primary], endpoints: [10.20.0.10, WEIGHTY]}
  six: {port: [9000, 53/udp], endpoints: ["2001:db8::5"]}
  heavy: {port: 1, weights: {passing: 5, warning: 1}, endpoints: [10.20.0.13, {address: 10.20.0.14, weight: 1}]}
  portless: {endpoints: [10.20.0.12]}
  mail: {external: smtp.example.com, port: [25, 587], tags: [out]}
  lit: {external: 192.0.2.77, ports: {web: 443, plain: 80}}
  lit6: {external: "2001:db8::77", port: 80}
  bare: {external: bare.example.com}
  old: {external: db.service.consul, port: 5432}
""".replace("WEIGHTY", "{address: 10.20.0.11, weight: 3}")
NAMES = (
    *(
        "db",
        "db-admin",
        "db-stat",
        "db-sql",
        "db-100",
        "primary.db",
        "primary.db-stat",
        "_db-stat._tcp",
        "_db._primary",
    ),
    *("six", "six-53", "six-9000", "heavy", "portless", "nobody"),
    *("mail", "mail-587", "out.mail", "out.mail-587", "_mail._tcp", "_mail-587._out"),
    *("lit", "lit-plain", "lit-web", "lit6", "bare", "old"),
)
Answers = dict[tuple[str, str], tuple[str, list[str]]]


def test_each_name_leads_where_consul_leads_it(lab: Lab, agent: Agent, tmp_path: Path) -> None:
    lab.apply(TEXT, "h")
    wait_until(lambda: agent.get(f"catalog/node/{agent.node}")["Services"].keys() >= agent.services().keys())
    theirs = answers(lambda query: call_in(agent.namespace, lambda: dns.query.udp(query, "127.0.0.1", 30, 8600)))
    with serving(TEXT, tmp_path) as server:
        ours = answers(lambda query: dns.query.udp(query, "127.0.0.1", 30, server.port))
    assert ours == theirs
    assert theirs["db-stat", "SRV"][0] == theirs["mail", "A"][0] == "NOERROR"
    lab.destroy("shop", "h")


def answers(ask: Callable[[dns.message.Message], dns.message.Message]) -> Answers:
    """The code and the answer's records, sorted, by name and type."""
    asked = [(name, type_) for name in NAMES for type_ in ("A", "SRV", *(["AAAA"] if "6" in name else []))]
    replies = {one: ask(dns.message.make_query(f"{one[0]}.service.consul.", one[1])) for one in asked}
    return {
        one: (reply.rcode().name, sorted(line for found in reply.answer for line in found.to_text().splitlines()))
        for one, reply in replies.items()
    }

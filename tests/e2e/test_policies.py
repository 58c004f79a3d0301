"""Declared policies hold for real packets: within a bridge, between bridges, from the host, IPv4 and IPv6."""

from collections.abc import Iterator

import pytest

from netctl.cli.main import main
from tests.support.namespaces import Namespaces, ip, run_in

STACK = """
stack: shop
networks:
  front:
    subnet: {{cidr: [10.10.0.0/24, "fd00:10::/64"]}}
    attach:
      - {{netns: {web}, labels: {{app: web}}, address: [10.10.0.11, "fd00:10::11"]}}
      - {{netns: {api}, labels: {{app: api}}, address: [10.10.0.12, "fd00:10::12"]}}
  back:
    subnet: {{cidr: [10.20.0.0/24, "fd00:20::/64"]}}
    attach: [{{netns: {db}, labels: {{app: db}}, address: [10.20.0.10, "fd00:20::10"]}}]
policies:
  db: {{applies_to: {{labels: {{app: db}}}}, ingress: [{{from: [{{labels: {{app: web}}}}], ports: [5432/tcp]}}]}}
  api: {{applies_to: {{labels: {{app: api}}}}, ingress: []}}
"""
CONNECT = """
import socket, sys
address, port = sys.argv[1], int(sys.argv[2])
with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
    probe.settimeout(1)
    try:
        probe.connect((address, port))
    except ConnectionRefusedError:
        print("answered")
    except TimeoutError:
        print("silence")
"""


class Shop:
    """The applied stack, and probes in it. Nothing listens: a refusal shows that packets go there and back."""

    def __init__(self, netns: Namespaces, directory: str) -> None:
        self.host, self.web, self.api, self.db = (netns(name, loopback=True) for name in ("host", "web", "api", "db"))
        ip(self.host, "link add eth0 type veth peer name far", "link set far up", "link set eth0 up")
        self.arguments = ["-f", f"{directory}/stack.yaml", "--netns", self.host]
        with open(f"{directory}/stack.yaml", "w", encoding="utf-8") as file:
            file.write(STACK.format(web=self.web, api=self.api, db=self.db))

    def probe(self, source: str, address: str, port: int) -> str:
        return run_in(source, ["python3", "-c", CONNECT, address, str(port)]).stdout.strip()


@pytest.fixture
def shop(netns: Namespaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    directory = tmp_path_factory.mktemp("shop")
    made = Shop(netns, str(directory))
    state = ["--state-dir", str(directory / "state")]
    assert main(["apply", *made.arguments, *state]) == 0
    yield made
    assert main(["destroy", *made.arguments, *state, "--yes"]) == 0
    assert run_in(made.host, ["nft", "list", "ruleset"]).stdout == ""


def test_policies_hold_for_real_packets_and_leave_nothing_to_do(shop: Shop) -> None:
    assert main(["plan", *shop.arguments, "--detailed-exitcode"]) == 0
    for db, api, web in (("10.20.0.10", "10.10.0.12", "10.10.0.11"), ("fd00:20::10", "fd00:10::12", "fd00:10::11")):
        assert shop.probe(shop.web, db, 5432) == "answered", "allowed by the rule"
        assert shop.probe(shop.web, db, 22) == "silence", "another port"
        assert shop.probe(shop.api, db, 5432) == "silence", "another source"
        assert shop.probe(shop.web, api, 80) == "silence", "within one bridge"
        assert shop.probe(shop.api, web, 80) == "answered", "no policy selects it"
        assert shop.probe(shop.host, api, 80) == "silence", "from the host"


def test_a_flushed_ruleset_is_seen_and_repaired(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    run_in(shop.host, ["nft", "flush", "ruleset"])
    assert shop.probe(shop.api, "10.20.0.10", 5432) == "answered"
    assert main(["plan", *shop.arguments, "--detailed-exitcode"]) == 2
    assert main(["apply", *shop.arguments, "--state-dir", str(tmp_path_factory.mktemp("state"))]) == 0
    assert shop.probe(shop.api, "10.20.0.10", 5432) == "silence"

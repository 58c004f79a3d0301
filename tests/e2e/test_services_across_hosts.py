"""Virtual addresses whose endpoints are on other hosts, over an overlay."""

import pytest

from tests.e2e.lab import Lab
from tests.e2e.offering import ask, datagrams, offering, question, spread
from tests.e2e.underlay import ADDRESS, HOSTS, build, stack

pytestmark = pytest.mark.xdist_group("services")

NEAR = HOSTS[:3]
VIP = {4: "10.96.0.10", 6: "fd96::10"}
ROUTED = 'backend: vxlan\nvni: 42\nsubnet: {cidr: [10.42.0.0/16, "fd42::/48"], per_host: [24, 64]}'
BRIDGED = 'backend: vxlan\nmode: bridged\nvni: 44\nsubnet: {cidr: [10.44.0.0/16, "fd44::/64"]}'
SERVICES = """
subnets: {vips: {cidr: [10.96.0.0/24, "fd96::/64"]}}
services:
  web:
    port: [80, 80/udp]
    vip: [10.96.0.10, "fd96::10"]
    publish: ["8080:80"]
    endpoints: {labels: {app: web}}
"""


@pytest.mark.parametrize("overlay", [ROUTED, BRIDGED], ids=["routed", "bridged"])
def test_a_service_is_reached_on_whatever_hosts_its_endpoints_are(lab: Lab, overlay: str) -> None:
    build(lab)
    for host in NEAR:  # as on hosts whose bridges hand no frames to the firewall; in a new namespace they do
        lab.run(host, "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0", "net.bridge.bridge-nf-call-ip6tables=0")
    lab.remember(*HOSTS)
    text = stack(overlay, hosts=NEAR) + SERVICES
    for host in ("n2", "n3"):
        text = text.replace(f"hosts: [{host}]}}", f"hosts: [{host}], labels: {{app: web}}}}")
    lab.apply_all(text, NEAR)
    with offering(lab, "bc"):
        for family in (4, 6):
            for client in ("a", "b", "n1", "n2"):
                assert set(spread(lab, client, VIP[family], count=30)) == {"b", "c"}, (client, family)
            with datagrams(lab, "a", VIP[family]) as flow:
                assert question(flow).server in {"b", "c"}
            # By any host, also one that has no endpoint; what answers from another host does so by this one.
            for host in ("n1", "n2"):
                assert set(spread(lab, "wire", ADDRESS[family][host], 8080, count=30)) == {"b", "c"}
        if overlay is ROUTED:
            assert ask(lab, "a", VIP[4]).client == lab.address("a")
    lab.destroy("shop", *NEAR)
    lab.demand_as_before()

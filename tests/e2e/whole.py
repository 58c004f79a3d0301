"""A stack with something of every kind, and the host ``node1`` for it."""

from tests.e2e.lab import Lab

ENDPOINTS = ("web", "api", "db", "job", "lan")
STACK = """\
stack: shop
hosts:
  node1: {id: 1, address: 192.0.2.11}
  node2: {id: 2, address: 192.0.2.12}
  node3: {id: 3, address: 192.0.2.13}
networks:
  front:
    subnet: {cidr: [10.10.0.0/24, "fd00:10::/64"]}
    hosts: [node1]
    attach:
      - {netns: "${web}", labels: {app: web}}
      - {netns: "${api}", labels: {app: api}}
      - {interface: spare}
  back:
    subnet: {cidr: 10.20.0.0/24}
    hosts: [node1]
    attach: [{netns: "${db}", labels: {app: db}}]
  lan:
    driver: macvlan
    parent: eth0
    subnet: {cidr: 192.0.2.0/24}
    hosts: [node1]
    attach: [{netns: "${lan}", address: 192.0.2.77}]
overlays:
  pods:
    subnet: {cidr: [10.42.0.0/16, "fd42::/48"], per_host: [24, 64]}
    vni: 42
    attach: [{netns: "${job}", hosts: [node1]}]
policies:
  db: {applies_to: {labels: {app: db}}, ingress: [{from: [{labels: {app: web}}], ports: [5432/tcp]}]}
  web: {applies_to: {labels: {app: web}}, ingress: [{ports: [80/tcp]}]}
routes:
  - {to: 172.31.0.0/16, via: 10.20.0.254, hosts: [node1]}
  - {to: 172.30.0.0/16, via: 192.0.2.254, hosts: [node1]}
rules:
  - {priority: 1000, from: 10.20.0.0/24, table: 100, hosts: [node1]}
"""


def build(lab: Lab) -> None:
    """Make the host, with an uplink and a spare interface, and the endpoints; all are remembered."""
    lab.add("node1", "wire", *ENDPOINTS)
    lab.join("wire", "eth0", "node1", "eth0")
    lab.join("wire", "spare", "node1", "spare")
    lab.ip("node1", "address add 192.0.2.11/24 dev eth0")
    lab.remember("node1", *ENDPOINTS)

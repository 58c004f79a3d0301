"""Stacks that twins are made of."""

THREE = """
stack: shop
hosts:
  node1: {id: 1, address: 192.0.2.11, interface: eth0}
  node2: {id: 2, address: 192.0.2.12, interface: eth0}
  node3: {id: 3, address: 198.51.100.13, interface: uplink}
subnets:
  pods: {cidr: [10.42.0.0/16, "fd42::/48"], per_host: [24, 64]}
overlays:
  pods:
    subnet: pods
    vni: 42
    attach:
      - {netns: web, hosts: [node1, node2], labels: {app: web}, ports: {http: 80/tcp}}
      - {netns: db, hosts: [node3], labels: {app: db}, ports: {sql: 5432/tcp}}
      - {netns: dns, hosts: [node2], labels: {app: dns}, ports: {dns: 53/udp}}
policies:
  db: {applies_to: {labels: {app: db}}, ingress: [{from: [{labels: {app: web}}], ports: [5432/tcp]}]}
expect:
  - {from: {labels: {app: web}}, to: {labels: {app: db}}, port: sql, verdict: allow}
  - {from: {labels: {app: dns}}, to: {labels: {app: db}}, port: sql, verdict: deny}
  - {from: {cidr: 203.0.113.0/24}, to: {labels: {app: db}}, port: sql, verdict: deny}
  - {from: {cidr: 203.0.113.0/24}, to: {labels: {app: web}}, port: http, verdict: allow}
  - {from: {labels: {app: db}}, to: {cidr: 203.0.113.0/24}, port: 443, verdict: allow}
"""
"""Two hosts on one link and one behind a router, an overlay of both families, and policies."""

FENCED = """
stack: fenced
networks:
  front: {subnet: {cidr: [10.10.0.0/24, "fd00:10::/64"]}, attach: [{netns: web, ports: {http: 80/tcp}}]}
  back: {subnet: {cidr: 10.20.0.0/24}, isolated: true, attach: [{netns: db, ports: {sql: 5432/tcp}}]}
  vault: {subnet: {cidr: 10.30.0.0/24}, internal: true, attach: [{netns: keys, ports: {vault: 8200/tcp}}]}
"""
"""One host, and networks that are kept apart without a policy."""

SIX = """
stack: six
hosts:
  node1: {id: 1, address: "2001:db8:77::11"}
  node2: {id: 2, address: "2001:db8:78::12"}
subnets: {pods: {cidr: "fd42::/48", per_host: 64}}
overlays:
  pods:
    subnet: pods
    vni: 42
    attach:
      - {netns: a, hosts: [node1], ports: {http: 80/tcp}}
      - {netns: b, hosts: [node2], ports: {dns: 53/udp}}
expect:
  - {from: {overlay: pods}, to: {cidr: "2001:db8:ffff::/48"}, port: icmp, verdict: allow}
  - {from: {cidr: "2001:db8:ffff::/48"}, to: {overlay: pods}, port: 80, verdict: allow}
"""
"""Nothing but IPv6, the hosts on two links."""

SEGMENTS = """
stack: segments
hosts:
  node1: {id: 1, address: 192.0.2.11, interface: eth0}
  node2: {id: 2, address: 192.0.2.12, interface: eth0}
networks:
  lan:
    driver: macvlan
    parent: eth0
    subnet: {cidr: 192.0.2.0/24, gateway: 192.0.2.1, range: [192.0.2.128-192.0.2.140]}
    attach: [{netns: tv, ports: {http: 80/tcp}}, {netns: pc}]
  priv:
    driver: macvlan
    parent: eth1
    mode: private
    subnet: {cidr: 172.20.0.0/24, gateway: 172.20.0.1}
    attach: [{netns: a, ports: {http: 80/tcp}}, {netns: b}]
  vepa:
    driver: macvlan
    parent: eth2
    mode: vepa
    subnet: {cidr: 172.21.0.0/24}
    attach: [{netns: c, ports: {http: 80/tcp}}]
  bridge: {subnet: {cidr: 10.9.0.0/24}, hosts: [node1], attach: [{netns: e, ports: {http: 80/tcp}}]}
"""
"""Macvlans of several modes, on the underlay and on links of their own."""

OVERLAYS = """
stack: overlays
hosts:
  node1: {id: 1, address: 192.0.2.11}
  node2: {id: 2, address: 192.0.2.12}
subnets:
  direct: {cidr: 10.42.0.0/16, per_host: 24}
  apart: {cidr: 10.43.0.0/16, per_host: 24}
  inner: {cidr: 10.44.0.0/16}
overlays:
  direct: {backend: host-gw, nat: none, subnet: direct, attach: [{netns: a, ports: {http: 80/tcp}}]}
  apart: {vni: 3, isolated: true, subnet: apart, attach: [{netns: b, ports: {http: 80/tcp}}]}
  inner: {mode: bridged, vni: 4, internal: true, subnet: inner, attach: [{netns: c, ports: {http: 80/tcp}}]}
networks:
  n:
    subnet: {cidr: 10.50.0.0/24}
    hosts: [node1]
    attach: [{netns: d, default_route: false, ports: {http: 80/tcp}}, {netns: e, ports: {nine: 9/sctp, dns: 53/udp}}]
services:
  elsewhere: {port: 443, endpoints: [203.0.113.80]}
  host: {port: 8080, endpoints: [192.0.2.11]}
policies:
  host: {applies_to: {host: node1}, ingress: [{from: [{network: direct}], ports: [8080/tcp]}]}
  out: {applies_to: {network: n}, egress: [{to: [{service: elsewhere}], ports: [443/tcp]}]}
"""
"""Overlays of three kinds, endpoints without a way, services that are no attachment's."""

DOCKED = """
stack: docked
networks:
  front:
    provider: docker
    subnet: {cidr: [10.10.0.0/24, "fd00:10::/64"], gateway: 10.10.0.254}
    mtu: 1400
    attach:
      - {container: web, address: 10.10.0.31, ports: {http: 80/tcp}}
      - {container: db, address: 10.10.0.30, ports: {sql: 5432/tcp}}
      - {container: cache}
  vault:
    provider: docker
    internal: true
    attach: [{container: web}]
  back: {subnet: {cidr: 10.20.0.0/24}, attach: [{netns: admin}, {netns: logs, ports: {log: 514/udp}}]}
services:
  db: {network: front, port: 5432, endpoints: [10.10.0.30]}
  web: {network: front, port: 80, endpoints: [10.10.0.31]}
policies:
  db:
    applies_to: {service: db}
    ingress: [{from: [{service: web}, {network: back}], ports: [5432/tcp]}]
  logs: {applies_to: {network: back}, ingress: [{from: {service: db}, ports: [514/udp]}]}
expect:
  - {from: {service: web}, to: {service: db}, port: 5432, verdict: allow}
  - {from: {network: back}, to: {service: db}, port: 5432, verdict: allow}
  - {from: {cidr: 203.0.113.0/24}, to: {service: db}, port: 5432, verdict: deny}
  - {from: {service: db}, to: {network: back}, port: 514/udp, verdict: allow}
  - {from: {service: web}, to: {network: back}, port: 514/udp, verdict: deny}
  - {from: {cidr: 203.0.113.0/24}, to: {service: web}, port: http, verdict: allow}
"""
"""Containers on two networks of Docker's, one of which is internal, and namespaces on one of the kernel's."""

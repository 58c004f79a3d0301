"""Policies on real SCTP connections, which need the kernel's SCTP sockets."""

import socket
from pathlib import Path

import pytest

from netctl.system.namespaces import inside
from tests.e2e.lab import Lab
from tests.support.namespaces import Namespaces

SERVER = "10.80.0.2"
STACK = f"""\
stack: sctp
networks:
  n:
    subnet: {{cidr: 10.80.0.0/24}}
    attach:
      - {{netns: "${{server}}", address: {SERVER}, labels: {{app: server}}}}
      - {{netns: "${{client}}", address: 10.80.0.3}}
policies:
  one-port: {{applies_to: {{labels: {{app: server}}}}, ingress: [{{ports: [80/sctp]}}]}}
"""


def _opened(namespace: str) -> socket.socket:
    with inside(namespace):
        opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
    opened.settimeout(30)
    return opened


def test_an_association_comes_about_on_the_admitted_port_alone(netns: Namespaces, tmp_path: Path) -> None:
    lab = Lab(netns, tmp_path)
    lab.add("h", "server", "client")
    lab.apply(STACK, "h")
    with _opened(lab["server"]) as admitted, _opened(lab["server"]) as closed:
        for listening, port in ((admitted, 80), (closed, 81)):
            listening.bind((SERVER, port))
            listening.listen()
        with _opened(lab["client"]) as client:
            client.connect((SERVER, 80))
            accepted, peer = admitted.accept()
            accepted.close()
        assert peer[0] == "10.80.0.3"
        with _opened(lab["client"]) as client:
            client.settimeout(5)
            with pytest.raises(TimeoutError):
                client.connect((SERVER, 81))
    lab.destroy("sctp", "h")

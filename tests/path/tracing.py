"""Traces of stacks that are written as text, and their steps in short."""

from netctl.path import Trace, Tracer
from netctl.path.steps import Path
from netctl.report.trace_wording import STEP_NAMES, place_text, step_text
from tests.policy.stacks import loaded

SHOP = """
stack: shop
networks:
  front: {subnet: {cidr: 10.10.0.0/24}, attach: [{netns: web, address: 10.10.0.20}]}
  back:
    subnet: {cidr: 10.20.0.0/24}
    attach:
      - {netns: db, address: 10.20.0.10, ports: {sql: 5432}, labels: {app: db}}
      - {netns: spare, address: 10.20.0.11, labels: {app: db}}
services:
  db: {network: back, port: 5432, endpoints: {labels: {app: db}}}
policies:
  db-from-web:
    applies_to: {service: db}
    ingress:
      - {from: [{network: back}], ports: [5432/tcp]}
      - {from: [{network: front}], ports: [22/tcp]}
      - {from: [{network: front}], ports: [5432/tcp], action: log}
      - {from: [{network: front}], ports: [5432/tcp]}
      - {from: [{any: true}], ports: [5432/tcp], action: deny}
"""
HOSTS = """
hosts:
  n1: {id: 1, address: 192.0.2.11, interface: eth0}
  n2: {id: 2, address: 192.0.2.12, interface: eth0}
"""
OVERLAY = f"""
stack: shop
overlays:
  pods:
    vni: 42
    mtu: 1400
    subnet: {{cidr: 10.42.0.0/16, per_host: 24}}
    attach: [{{netns: a, hosts: [n1]}}, {{netns: b, hosts: [n2]}}]
{HOSTS}"""


def tracer(text: str) -> Tracer:
    """A tracer of the stack that a text is."""
    found = loaded(text)
    return Tracer(found.stack, found)


def trace(text: str, source: str, destination: str, port: str = "80", family: int | None = None) -> Trace:
    """The only trace."""
    [found] = tracer(text).trace(source, destination, port, family)
    return found


def path(text: str, source: str, destination: str, family: int | None = None) -> Path:
    """The path of the only trace."""
    found = trace(text, source, destination, "80", family).path
    assert found is not None
    return found


def steps(text: str, source: str, destination: str, family: int | None = None) -> list[str]:
    """The path's steps as they are printed: ``host | route | 10.20.0.0/24 dev nc-back``."""
    found = path(text, source, destination, family).steps
    return [f"{place_text(step.at)} | {STEP_NAMES[type(step)]} | {step_text(step)}" for step in found]

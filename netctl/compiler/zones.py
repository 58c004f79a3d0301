"""Which domains a stack's names are in."""

from collections.abc import Iterable

from netctl.compiler.consul.registration import registered
from netctl.stack.balancing_models import Dns
from netctl.stack.models import Stack

DEFAULT_CONSUL = "consul"
_LONGEST_TAG = 62
"""Bytes: a label has 63, and some names have a tag with an underscore before it."""


def service_domain(stack: Stack) -> str:
    """What the names of the stack's services end with: ``shop.svc.cluster.local``."""
    return f"{stack.stack}.svc.{(stack.dns or Dns()).zone}"


def consul_domain(stack: Stack) -> str:
    """The domain of Consul's names for services; empty where there is none, as where Consul itself is asked for."""
    declared = (stack.dns or Dns()).consul
    if declared is None:
        return "" if registered(stack) else DEFAULT_CONSUL
    return declared or ""


def tag_labels(tags: Iterable[str]) -> list[str]:
    """Those tags that can be a label of a name, in lower case."""
    return [tag.lower() for tag in tags if 0 < len(tag.lower().encode()) <= _LONGEST_TAG and "." not in tag]

"""What is wrong with what a stack says to Consul: each mistake with its place and a way out."""

import pytest

from netctl.compiler import compile_stack
from netctl.errors import DeclarationError, Diagnostic
from tests.stack.declaring import loaded


def mistakes(text: str) -> list[Diagnostic]:
    """All that is wrong with a stack, as a plan would find it."""
    with pytest.raises(DeclarationError) as caught:
        _compile(text)
    return [found for found in caught.value.diagnostics if found.severity == "error"]


def _compile(text: str) -> None:
    stack = loaded(text)
    compile_stack(stack.stack, stack, "node1" if "hosts:" in text else None, None)


def service(fields: str, more: str = "") -> str:
    return f"stack: s\nconsul: {{}}\nservices:\n  web: {{{fields}}}\n{more}"


WEB = "port: 80, endpoints: [10.0.0.1]"
MISTAKES = {
    "an interval without a unit": (service(f"{WEB}, checks: [{{tcp: true, interval: 10}}]"), "NC115", "has no unit"),
    "an interval in days": (service(f"{WEB}, checks: [{{tcp: true, interval: 1d}}]"), "NC115", "not a duration"),
    "an interval of nothing": (service(f"{WEB}, checks: [{{tcp: true, interval: 0s}}]"), "NC115", "no time at all"),
    "an unknown kind of check": (service(f"{WEB}, checks: [{{htpp: /x}}]"), "NC111", "'htpp'"),
    "two kinds at once": (service(f"{WEB}, checks: [{{tcp: true, http: /}}]"), "NC115", "'http' and 'tcp'"),
    "no kind": (service(f"{WEB}, checks: [{{interval: 10s}}]"), "NC115", "this has none"),
    "a check's port": (service(f"{WEB}, checks: [{{tcp: 70000}}]"), "NC115", "70000"),
    "a path that is none": (service(f"{WEB}, checks: [{{http: healthz}}]"), "NC115", "neither a path"),
    "no port to check": (service("endpoints: [10.0.0.1], checks: [{tcp: true}]"), "NC277", "no port"),
    "a time that Consul does not keep": (
        service(f"{WEB}, checks: [{{tcp: true, deregister_after: 30s}}]"), "NC277", "1m",
    ),
    "a container without a program": (service(f"{WEB}, checks: [{{docker: web}}]"), "NC277", "'args'"),
    "an interval of heartbeats": (service(f"{WEB}, checks: [{{ttl: 1m, interval: 1m}}]"), "NC277", "no interval"),
    **{
        f"a check by {check.partition(':')[0]} of an external service": (
            service(f"external: a.example, port: 80, checks: [{{{check}}}]"), "NC277", "external",
        )
        for check in (
            *("ttl: 1m", "script: /bin/true", "docker: a, args: b", "alias: x"),
            *("udp: true", "grpc: true", "h2ping: true"),
        )
    },
    "a setting of another kind": (service(f"{WEB}, checks: [{{tcp: true, method: PUT}}]"), "NC277", "'method'"),
    "a key of metadata": (service(f"{WEB}, meta: {{'a b': c}}"), "NC276", "'a b'"),
    "a long key of metadata": (service(f"{WEB}, meta: {{{'a' * 129}: c}}"), "NC276", "128"),
    "a long value of metadata": (service(f"{WEB}, meta: {{a: {'b' * 513}}}"), "NC276", "513 bytes"),
    "netctl's own metadata": (service(f"{WEB}, meta: {{netctl-stack: c}}"), "NC276", "not yours"),
    "Consul's own metadata": (service(f"{WEB}, meta: {{consul-x: c}}"), "NC276", "not yours"),
    "too much metadata": (
        service(f"{WEB}, meta: {{{', '.join(f'k{number}: v' for number in range(53))}}}"), "NC276", "53 pairs",
    ),
    "an external service with endpoints": (service("external: a.example, endpoints: [10.0.0.1]"), "NC115", "elsewhere"),
    "an external service that is nowhere": (service("external: 'not a name'"), "NC115", "neither a host name"),
    "an external service with a label that is too long": (
        service(f"external: {'x' * 64}"), "NC115", "neither a host name",
    ),
    "an external service that takes an eternity to tell from a name": (
        service(f"external: '{'x' * 60}!'"), "NC115", "neither a host name",
    ),
    "an id with '..'": (service("port: 80, endpoints: [{address: 10.0.0.1, id: a/../b}]"), "NC115", "a/../b"),
    "an id twice": (
        service("port: 80, endpoints: [{address: 10.0.0.1, id: a}, {address: 10.0.0.2, id: a}]"), "NC331", "service/a",
    ),
    "an endpoint on no known host": (
        service(WEB, "hosts: {node1: {id: 1, address: 192.0.2.1}}\n"), "NC278", "10.0.0.1",
    ),
    "a port of 0": (service("port: 0, endpoints: [10.0.0.1]"), "NC115", "port 0"),
    "a port of -1": (service("port: -1, endpoints: [10.0.0.1]"), "NC115", "'-1'"),
    "a port of 70000": (service("port: 70000, endpoints: [10.0.0.1]"), "NC115", "port 70000"),
    "a weight of 0": (service(f"{WEB}, weights: {{passing: 0}}"), "NC116", "1 to 65535"),
    "a tagged address": (service(f"{WEB}, tagged_addresses: {{wan: here}}"), "NC115", "'here'"),
    "two services of one name in Consul": (
        service("port: [80, 81], endpoints: [10.0.0.1]", "  web-81: {endpoints: [10.0.0.2]}\n"), "NC279", "web-81",
    ),
    "a port whose name is too long": (
        service(f"port: 80, ports: {{{'p' * 60}: 81}}, endpoints: [10.0.0.1]"), "NC279", "63 bytes",
    ),
    "a field that Consul does not have": (
        service(f"{WEB}, config_entries: {{service-defaults: {{Protocl: http}}}}"), "NC279", "'Protocol'",
    ),
    "a field as HCL spells it": (
        service(f"{WEB}, config_entries: {{service-resolver: {{connect_timeout: 5s}}}}"), "NC279", "'ConnectTimeout'",
    ),
    "a field within a list": (
        service(f"{WEB}, config_entries: {{service-splitter: {{Splits: [{{Weight: 100, Servce: x}}]}}}}"),
        "NC279", "'Service'",
    ),
    "a field of another type": (
        service(f"{WEB}, config_entries: {{service-splitter: {{Splits: {{Weight: 100}}}}}}"), "NC279", "a list",
    ),
    "a flag that is none": (
        service(f"{WEB}, config_entries: {{service-resolver: {{Subsets: {{a: {{OnlyPassing: 3}}}}}}}}"),
        "NC279", "true",
    ),
    "a time without a unit": (
        service(f"{WEB}, config_entries: {{service-resolver: {{ConnectTimeout: 5}}}}"), "NC279", "10s",
    ),
    "a field without a value": (
        service(f"{WEB}, config_entries: {{service-defaults: {{Protocol: null}}}}"), "NC279", "null",
    ),
    "nothing where anything may stand": (
        "stack: s\nconsul: {config_entries: {proxy-defaults: {global: {Config: {a: [{b: null}]}}}}}\n", "NC279", "'b'",
    ),
    "shares that are not whole": (
        service(f"{WEB}, config_entries: {{service-splitter: {{Splits: [{{Weight: 90}}, {{Weight: 9}}]}}}}"),
        "NC279", "99",
    ),
    "an unknown kind of entry": (service(f"{WEB}, config_entries: {{service-default: {{}}}}"), "NC111", "defaults"),
    "an entry twice": (
        service(f"{WEB}, config_entries: {{service-defaults: {{}}}}").replace(
            "consul: {}", "consul: {config_entries: {service-defaults: {web: {}}}}"
        ),
        "NC331", "service-defaults/web",
    ),
    "proxy-defaults of another name": (
        "stack: s\nconsul: {config_entries: {proxy-defaults: {web: {}}}}\n", "NC115", "global",
    ),
    "an intention of no name": (service(f"{WEB}, intentions: [{{from: 'a b'}}]"), "NC115", "'a b'"),
    "two intentions of one source": (service(f"{WEB}, intentions: [{{from: a}}, {{from: a}}]"), "NC279", "'a'"),
    "an intention that is neither": (service(f"{WEB}, intentions: [{{from: a, action: maybe}}]"), "NC117", "maybe"),
    "a query's name": (service(f"{WEB}, queries: {{a/b: {{}}}}"), "NC115", "a/b"),
    "two queries of one name": (
        service(f"{WEB}, queries: {{q: {{}}}}", "  db: {endpoints: [10.0.0.2], queries: {q2: {}, Q: {}}}\n").replace(
            "q2: {}, ", ""
        ),
        "NC279", "another query",
    ),
    "a query's time": (service(f"{WEB}, queries: {{q: {{ttl: 5}}}}"), "NC115", "no unit"),
    "a key with '..'": ("stack: s\nkv: {a/../b: c}\n", "NC115", "a/../b"),
    "a key from the root": ("stack: s\nkv: {/a: c}\n", "NC115", "/a"),
    "a long key": (f"stack: s\nkv: {{{'k' * 513}: c}}\n", "NC115", "512"),
    "a key without a value": ("stack: s\nkv: {a: {flags: 1}}\n", "NC115", "'value' or 'file'"),
    "a key with two values": ("stack: s\nkv: {a: {value: 1, file: b}}\n", "NC115", "'value' or 'file'"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_place_and_a_way_out(mistake: str) -> None:
    text, code, words = MISTAKES[mistake]
    found, *more = mistakes(text)
    assert not more
    assert found.code == code
    assert words in found.message + found.advice
    assert found.advice
    assert found.position is not None
    assert found.position.line >= (4 if "services:" in text and code != "NC331" else 2)


def test_all_mistakes_are_told_at_once() -> None:
    found = mistakes(service("endpoints: [10.0.0.1], meta: {'a b': c}, checks: [{tcp: true, deregister_after: 1s}]"))
    assert sorted(one.code for one in found) == ["NC276", "NC277", "NC277"]

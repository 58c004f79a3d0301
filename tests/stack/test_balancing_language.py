"""Virtual addresses, publications, times and DNS as they are written: what is not accepted, and what is said of it."""

import pytest

from tests.stack.declaring import only

WEB = "port: 80, endpoints: [10.0.0.1]"


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ("services: {web: {WEB, drain: 5}}", "services.web.drain: '5' is not a duration such as 30s"),
        ("services: {web: {WEB, drain: 30}}", "'30' is not a duration"),
        ("services: {web: {WEB, drain: 0s}}", "'0s' is not from 1s to 365d"),
        ("services: {web: {WEB, drain: 500ms}}", "'500ms' is not a duration"),
        ("services: {web: {WEB, affinity: {client_ip: 3}}}", "services.web.affinity.client_ip: '3' is not a duration"),
        ("services: {web: {WEB, publish: 80}}", "is not a publication such as 8080:80"),
        ("services: {web: {WEB, publish: '0:80'}}", "port 0 is not from 1 to 65535"),
        ("services: {web: {WEB, publish: '80:70000'}}", "port 70000 is not from 1 to 65535"),
        ("services: {web: {WEB, checks: [{http: 'http://h:99999/'}]}}", "neither a path"),
        ("dns: {zone: 'not a domain!'}", "dns.zone: 'not a domain!' is not a domain name"),
        ("dns: {zone: LONG.example}", "is not a domain name"),
        ("dns: {ttl: -1}", "dns.ttl"),
        ("dns: {upstream: nowhere}", "dns.upstream"),
        ("dns: {stubs: {'a b': 10.0.0.53}}", "'a b' is not a domain name"),
    ],
)
def test_what_cannot_be_is_said_with_its_place(declared: str, says: str) -> None:
    found = only(f"stack: s\n{declared.replace('WEB', WEB).replace('LONG', 'x' * 64)}\n")
    assert says in found.message
    assert found.position is not None
    assert found.position.line == 2
    assert found.advice

"""``netctl test``: on paper, and what is said where real packets cannot be sent. For those, see ``tests/e2e``."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from netctl.report.trials_json import trials_schema
from tests.cli.conftest import Netctl, Site, environment

STACK = """\
stack: shop
networks:
  front:
    subnet: {cidr: 10.10.0.0/24}
    attach:
      - {netns: WEB, labels: {app: web}, ports: {http: 80}}
      - {netns: api, labels: {app: api}}
policies:
  web: {applies_to: {labels: {app: web}}, ingress: [{from: {labels: {app: api}}, ports: http}]}
expect:
  - {from: {labels: {app: api}}, to: {labels: {app: web}}, port: http, verdict: allow}
  - {from: {cidr: 198.51.100.0/24}, to: {labels: {app: web}}, port: http, verdict: deny}
"""
BROKEN = STACK.replace("verdict: deny", "verdict: allow")
WITHOUT_CAPABILITIES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


@pytest.fixture
def stack() -> Path:
    """A stack whose expectations hold."""
    path = Path("stack.yaml")
    path.write_text(STACK, encoding="utf-8")
    return path


def test_expectations_that_hold_are_exit_0_and_one_that_does_not_is_exit_1(stack: Path, netctl: Netctl) -> None:
    ran = netctl("test", "-f", stack, "--static")
    assert (ran.code, ran.err) == (0, "")
    assert "2 expectations: 2 passed." in ran.out
    stack.write_text(BROKEN, encoding="utf-8")
    ran = netctl("test", "-f", stack, "--static")
    assert (ran.code, ran.err) == (1, "")
    assert "2 expectations: 1 passed, 1 failed." in ran.out
    assert "no ingress rule of policy 'web' (stack.yaml:9) allows it" in ran.out


def test_when_quiet_only_failures_are_printed(stack: Path, netctl: Netctl) -> None:
    assert netctl("test", "-f", stack, "--static", "--matrix", "-q") == (0, "", "")
    stack.write_text(BROKEN, encoding="utf-8")
    ran = netctl("test", "-f", stack, "--static", "-q")
    assert ran.code == 1
    assert ran.out.startswith("stack.yaml:12: 198.51.100.1 to front/WEB at 80/tcp: expected allow, found deny: ")
    assert len(ran.out.splitlines()) == 1


def test_without_expectations_it_succeeds_and_says_so(stack: Path, netctl: Netctl) -> None:
    stack.write_text(STACK.partition("expect:")[0], encoding="utf-8")
    ran = netctl("test", "-f", stack, "--static")
    assert ran.code == 0
    assert "declares no expectations" in ran.out


def test_the_document_keeps_its_schema_and_is_all_that_is_printed(stack: Path, netctl: Netctl) -> None:
    stack.write_text(BROKEN, encoding="utf-8")
    ran = netctl("test", "-f", stack, "--static", "--matrix", "-o", "json")
    document = json.loads(ran.out)
    Draft202012Validator(trials_schema()).validate(document)
    assert (ran.code, ran.err, document["passed"], document["mode"]) == (1, "", False, "static")
    assert document["summary"]["failed"] == 1
    assert document["matrix"]["offers"][0]["name"] == "front/WEB"


def test_junit_is_written_to_the_file_whatever_is_printed(stack: Path, netctl: Netctl) -> None:
    stack.write_text(BROKEN, encoding="utf-8")
    ran = netctl("test", "-f", stack, "--static", "--junit", "report.xml", "-o", "json")
    assert ran.code == 1
    suite = ET.parse("report.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")


def test_junit_that_cannot_be_written_is_a_failure_after_what_was_found_is_printed(stack: Path, netctl: Netctl) -> None:
    ran = netctl("test", "-f", stack, "--static", "--junit", "no/such/report.xml")
    assert ran.code == 1
    assert "2 passed" in ran.out
    assert "no/such/report.xml cannot be written: No such file or directory" in ran.err


def test_a_matrix_is_printed_after_the_expectations(stack: Path, netctl: Netctl) -> None:
    ran = netctl("test", "-f", stack, "--static", "--matrix")
    assert ran.out.index("2 passed") < ran.out.index("1  front/WEB 80/tcp") < ran.out.index("front/api  +")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("  - {from: {labels: {app: api}}, to: {service: nowhere}, port: 80, verdict: allow}\n", "NC2"),
        ("  - {from: {any: true}, to: {labels: {app: web}}, port: 70000, verdict: allow}\n", "NC1"),
        ("  - {from: {any: true}, to: {labels: {app: api}}, port: http, verdict: allow}\n", "NC267"),
        ("  - {from: {labels: {app: x}}, to: {labels: {app: y}}, port: 80, verdict: allow}\n", "NC272"),
    ],
)
@pytest.mark.parametrize("options", [("--static",), ()])
def test_an_expectation_without_meaning_is_reported_as_by_validate(
    site: Site, netctl: Netctl, line: str, code: str, options: tuple[str, ...]
) -> None:
    site.write(STACK + line)
    place = ("-f", site.stack) if options else site.place
    validated = netctl("validate", "-f", site.stack)
    ran = netctl("test", *place, *options)
    assert f"[{code}" in ran.err
    assert ran.err.startswith(validated.err.removesuffix("Not valid: 1 error.\n"))
    if "error[" in ran.err:
        assert (ran.code, ran.out) == (1, "")


def test_on_paper_no_system_is_touched_and_no_privilege_needed(stack: Path) -> None:
    # No socket is opened (netlink's are sockets), no namespace looked at, no program run.
    program = (
        "import sys\n"
        "from netctl.cli.main import main\n"
        "def watch(event, arguments):\n"
        "    touched = event.startswith(('socket.', 'subprocess.', 'os.exec', 'os.fork'))\n"
        "    if touched or (event == 'open' and str(arguments[0]).startswith(('/proc', '/sys', '/run'))):\n"
        "        raise SystemExit(f'{event} {arguments}')\n"
        "sys.addaudithook(watch)\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    arguments = ["test", "-f", stack, "--static", "--matrix", "--junit", "report.xml"]
    finished = subprocess.run(
        [*WITHOUT_CAPABILITIES, sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True, text=True, check=False, env=environment(),
    )  # fmt: skip
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "2 passed" in finished.stdout


def test_real_packets_without_privilege_are_an_error_that_offers_the_proof_on_paper(
    site: Site, process: Netctl
) -> None:
    site.write(STACK.replace("netns: api", f"netns: {site.host}"))
    ran = process("test", "-f", site.stack, prefix=WITHOUT_CAPABILITIES)
    assert ran.code == 1
    assert "Traceback" not in ran.err
    assert "may not be entered" in ran.err
    assert "--static" in ran.err


def test_the_host_is_demanded_as_by_other_commands(site: Site, netctl: Netctl) -> None:
    hosts = "hosts: {node1: {id: 1, address: 192.0.2.1, interface: eth0}}\n"
    site.write(STACK + hosts)
    assert "is none of the hosts of stack 'shop'" in netctl("test", *site.place).err
    ran = netctl("test", *site.place, "--host", "nowhere")
    assert (ran.code, "declares no host 'nowhere'" in ran.err) == (64, True)
    assert netctl("test", *site.place, "--static").code == 0


def test_nothing_is_sent_in_the_name_of_an_address_that_is_no_namespace_s(site: Site, netctl: Netctl) -> None:
    services = "services: {printer: {port: 9100, endpoints: [192.0.2.7]}}\n"
    expected = "expect: [{from: {service: printer}, to: {labels: {app: web}}, port: http, verdict: allow}]\n"
    site.write(STACK.partition("policies:")[0] + services + expected)
    ran = netctl("test", *site.place)
    assert (ran.code, ran.err) == (0, "")
    assert "service/printer/192.0.2.7 is not on this host" in ran.out
    assert "0 connections, tried with real packets" in ran.out

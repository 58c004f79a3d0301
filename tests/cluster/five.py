"""Five hosts on one link, each a namespace with a Consul agent of its own: three servers and two clients."""

import shutil
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from netctl.cluster.completion import complete
from netctl.cluster.memory import Memory
from netctl.compiler import compile_stack
from netctl.engine.plan import Plan
from netctl.engine.protocol import Context
from netctl.engine.registry import find_systems
from netctl.engine.session import read_session
from tests.agent.watcher import Watcher
from tests.cluster.watches import following
from tests.consul.agent import Agent, Refused
from tests.e2e.lab import Lab
from tests.support.namespaces import Namespaces, ip, run_in, wait_until

HOSTS = ("h1", "h2", "h3", "h4", "h5")
SERVERS = HOSTS[:3]
PATIENCE = 120.0
"""Seconds for what takes Consul's elections and gossip."""
STACK = """\
stack: pods
subnets: {pods: {cidr: 10.42.0.0/16, per_host: 24}}
overlays: {pods: {backend: vxlan, subnet: pods, vni: 42, attach: [%s]}}
"""
PODS = STACK % ", ".join(f'{{netns: "${{{host}-pod}}", hosts: {{at: {host}}}}}' for host in HOSTS)
"""An endpoint on each host, wherever its address is."""


def address(host: str) -> str:
    """A host's address on the link."""
    return f"192.0.2.{HOSTS.index(host) + 11}"


def others(*hosts: str) -> list[str]:
    """All hosts but these."""
    return [host for host in HOSTS if host not in hosts]


class Five:
    """The hosts, with the switch between them; endpoints are made for each test."""

    def __init__(self, namespaces: Namespaces, directory: Path) -> None:
        self.lab = Lab(namespaces, directory)
        self._namespaces = namespaces
        self.agents: dict[str, Agent] = {}

    def start(self) -> None:
        """Make the hosts, and wait until all agents know of one another."""
        self.lab.add("switch", *HOSTS)
        ip(self.lab["switch"], "link add br0 type bridge", "link set br0 up")
        for host in HOSTS:
            self.lab.join("switch", host, host, "eth0")
            self.lab.ip("switch", f"link set {host} master br0")
            self.lab.ip(host, f"address add {address(host)}/24 dev eth0")
            self.agents[host] = Agent(self.lab[host], host, self._settings(host))
        for agent in self.agents.values():
            agent.start(wait=False)
        self.await_whole()

    @staticmethod
    def _settings(host: str) -> dict[str, object]:
        servers = [address(server) for server in SERVERS]
        role: dict[str, object] = (
            {"bootstrap_expect": 3} if host in SERVERS else {"server": False, "bootstrap_expect": None}
        )
        return role | {
            "bind_addr": address(host),
            "retry_join": servers,
            "retry_interval": "1s",
            "performance": {"raft_multiplier": 3},
            # Gossip at the pace of a test: a host that dies is known to have within two seconds or three.
            "gossip_lan": {"probe_interval": "200ms", "probe_timeout": "150ms", "gossip_interval": "100ms"},
            # A server that was cut off would come back without a vote for a while, and two of three could not elect.
            "autopilot": {"cleanup_dead_servers": False},
        }

    def await_whole(self) -> None:
        """Wait until every agent answers, with a leader, and all five are well."""
        for agent in self.agents.values():
            wait_until(partial(_is_whole, agent), 180, "all five know of one another")
        wait_until(self._all_vote, 180, "all servers have a vote")

    def _all_vote(self) -> bool:
        with suppress(OSError, Refused):
            servers = self.agents["h1"].get("operator/raft/configuration")["Servers"]
            return [server["Voter"] for server in servers] == [True] * len(SERVERS)
        return False

    def leader(self) -> str:
        """The host whose server leads."""
        for host in SERVERS:
            with suppress(OSError, Refused):
                if found := str(self.agents[host].get("status/leader")).partition(":")[0]:
                    return next(name for name in SERVERS if address(name) == found)
        raise AssertionError("there is no leader")

    def add_endpoints(self) -> None:
        """An endpoint's namespace for each host."""
        self.lab.add(*(f"{host}-pod" for host in HOSTS))

    def clean(self) -> None:
        """Bring back what a test has stopped or cut, and remove what is left of it."""
        for host in HOSTS:
            self.join(host)
            if self.agents[host]._process is None:
                self.agents[host].start(wait=False)
        self.await_whole()
        self.lab.destroy("pods", *HOSTS)
        for host in HOSTS:
            label = f"{host}-pod"
            if label in self.lab.names:
                self._namespaces.remove(self.lab.names.pop(label))
        shutil.rmtree(self.lab.directory / "state" / "cluster", ignore_errors=True)
        first = self.agents["h1"]
        for session in first.get("session/list"):
            first.put(f"session/destroy/{session['ID']}")
        first.delete("kv/", recurse="")

    def part(self, *hosts: str) -> None:
        """Cut these hosts off from all others, and from one another."""
        for host in hosts:
            self.lab.ip("switch", f"link set {host} nomaster")

    def join(self, *hosts: str) -> None:
        """Connect them again."""
        for host in hosts:
            self.lab.ip("switch", f"link set {host} master br0")

    def crash(self, host: str) -> None:
        """The machine dies: its agent, and everything that is sent to it."""
        self.part(host)
        self.agents[host].stop(signal.SIGKILL)

    def remove(self) -> None:
        """End all agents."""
        with ExitStack() as stack:
            for agent in self.agents.values():
                stack.callback(agent.remove)

    # What tests ask of it

    @contextmanager
    def watched(self, *hosts: str, grace: str = "3s") -> Iterator[dict[str, Watcher]]:
        """A watch on each of the hosts, all of them keeping what is published."""
        with ExitStack() as stack:
            watchers = {host: stack.enter_context(self.following(host, grace=grace, ready=False)) for host in hosts}
            for watcher in watchers.values():
                watcher.await_said("^watching", timeout=PATIENCE)
            yield watchers

    def following(
        self, host: str, *options: str, grace: str = "3s", ready: bool = True
    ) -> AbstractContextManager[Watcher]:
        """A watch of one host, which the stack's selectors know by its label ``at``."""
        return following(self.lab, host, "--label", f"at={host}", "--grace", grace, *options, ready=ready)

    def pod(self, host: str) -> str:
        """The address of a host's endpoint."""
        return self.lab.address(f"{host}-pod")

    def reaches(self, one: str, other: str) -> bool:
        """Whether a packet from one host's endpoint is answered by another's."""
        done = run_in(
            self.lab[f"{one}-pod"], ["ping", "-c", "1", "-W", "1", "-q", self.pod(other)], check=False, timeout=10
        )
        return done.returncode == 0

    def await_reaching(self, *hosts: str) -> None:
        """Wait until the endpoints of all these hosts reach one another, by real packets."""
        for one in hosts:
            for other in hosts:
                if one != other:
                    wait_until(partial(self.reaches, one, other), PATIENCE, f"{one} reaches {other}")

    def peers(self, host: str) -> set[str]:
        """The hosts that a host has forwarding entries for, by their addresses."""
        shown = self.lab.run(host, "bridge", "fdb", "show", "dev", "nc-pods-vxlan", check=False)
        return {name for name in HOSTS if f"dst {address(name)} " in shown}

    def plan(self, host: str) -> Plan:
        """What a host that has just been told of everybody would have to change."""
        recalled = Memory(self._memory(host)).recall()
        assert recalled is not None
        loaded = Memory(self._memory(host)).document(recalled.publication.digest)
        assert loaded is not None
        stack = complete(loaded.stack, recalled.view).stack
        with read_session(find_systems(), Context(netns=self.lab[host])) as session:
            facts = session.facts()._replace(gone=recalled.gone)
            compiled = compile_stack(stack, loaded, host, facts)
            return session.plan(compiled.resources, stack="pods", host=host)

    def _memory(self, host: str) -> Path:
        return self.lab.directory / "state" / "cluster" / f"pods@{self.lab[host]}"

    def demand_done(self, *hosts: str) -> None:
        """Fail unless the plan of each host is empty."""
        for host in hosts:
            wait_until(partial(self._is_done, host), PATIENCE, f"the plan of {host} is empty")

    def _is_done(self, host: str) -> bool:
        plan = self.plan(host)
        return not plan and not plan.unread and not plan.conflicts

    def await_peers(self, host: str, *others: str) -> None:
        """Wait until a host has entries for these, and no others."""
        try:
            wait_until(lambda: self.peers(host) == set(others), PATIENCE, f"{host} has {others}")
        except AssertionError as error:
            logs = sorted(self.lab.directory.glob(f"log-{host}-*"), key=lambda path: path.stat().st_mtime)
            error.add_note(f"{self.peers(host)}\n{logs[-1].read_text()}\n{self._shown()}")
            raise

    def _shown(self) -> str:
        """What each agent says of nodes and hosts."""
        lines = []
        for host, agent in self.agents.items():
            with suppress(OSError, Refused):
                rows = agent.get("kv/netctl/pods/cluster/hosts/", recurse="", stale="") or []
                nodes = {check["Node"]: check["Status"] for check in agent.get("health/state/any", stale="")}
                lines.append(f"{host}: {nodes} {[(row['Key'], row.get('Session')) for row in rows]}")
        return "\n".join(lines)


def demand_quiet(watchers: dict[str, Watcher]) -> None:
    """Wait until each watch says that all is as declared, and nothing is drifted."""
    for host, watcher in watchers.items():
        try:
            wait_until(partial(_is_ready, watcher), PATIENCE, f"{host} is ready")
        except AssertionError as error:
            error.add_note(f"{watcher.get('/readyz')}\n{watcher.text()}")
            raise


def _is_ready(watcher: Watcher) -> bool:
    return watcher.get("/readyz")[0] == 200 and watcher.status()["drifted_count"] == 0


def _is_whole(agent: Agent) -> bool:
    with suppress(Refused, OSError):
        nodes = agent.get("health/state/passing") if agent.has_leader() else ()
        return len({check["Node"] for check in nodes if check["CheckID"] == "serfHealth"}) == len(HOSTS)
    return False

"""Metrics in Prometheus' text format, under controller-runtime's names: its dashboards and alerts fit.

A *controller* is one system (``kernel``, ``nftables``), or ``stack`` for a whole desired state.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds; controller-runtime begins at 5 ms, which is slow here."""

Labels = tuple[tuple[str, str], ...]


class Family:
    """A metric with its labelled values."""

    def __init__(self, name: str, kind: str, text: str) -> None:
        self.name = name
        self.kind = kind
        self.text = text
        self._values: defaultdict[Labels, float] = defaultdict(float)

    def add(self, amount: float = 1, **labels: str) -> None:
        """Count."""
        self._values[tuple(labels.items())] += amount

    def set(self, value: float, **labels: str) -> None:
        """Give a gauge its value."""
        self._values[tuple(labels.items())] = value

    def lines(self) -> Iterator[str]:
        """In the text format."""
        yield f"# HELP {self.name} {self.text}"
        yield f"# TYPE {self.name} {self.kind}"
        yield from (f"{self.name}{_braced(labels)} {_number(value)}" for labels, value in self._values.items())


class Histogram(Family):
    """Seconds, in buckets."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(name, "histogram", text)
        self._counts: defaultdict[Labels, list[int]] = defaultdict(lambda: [0] * (len(_BUCKETS) + 1))

    def observe(self, seconds: float, **labels: str) -> None:
        """Count one duration."""
        key = tuple(labels.items())
        self._counts[key][bisect_left(_BUCKETS, seconds)] += 1
        self._values[key] += seconds

    def lines(self) -> Iterator[str]:
        """In the text format."""
        yield f"# HELP {self.name} {self.text}"
        yield f"# TYPE {self.name} histogram"
        for labels, counts in self._counts.items():
            total = 0
            for bound, count in zip((*map(_number, _BUCKETS), "+Inf"), counts, strict=True):
                total += count
                yield f"{self.name}_bucket{_braced((*labels, ('le', bound)))} {total}"
            yield f"{self.name}_sum{_braced(labels)} {_number(self._values[labels])}"
            yield f"{self.name}_count{_braced(labels)} {total}"


class Metrics:
    """All that the agent counts."""

    def __init__(self) -> None:
        self.reconciles = Family("controller_runtime_reconcile_total", "counter", "Reconciliations by result.")
        self.errors = Family("controller_runtime_reconcile_errors_total", "counter", "Reconciliations that failed.")
        self.seconds = Histogram("controller_runtime_reconcile_time_seconds", "Seconds that a reconciliation took.")
        self.active = Family("controller_runtime_active_workers", "gauge", "Reconciliations under way.")
        self.adds = Family("workqueue_adds_total", "counter", "Resources that events told of.")
        self.retries = Family("workqueue_retries_total", "counter", "Repairs that were put off or tried again.")
        self.depth = Family("workqueue_depth", "gauge", "Resources whose repair waits.")
        self.waited = Histogram("workqueue_queue_duration_seconds", "Seconds from the first notice to the repair.")
        self.worked = Histogram("workqueue_work_duration_seconds", "Seconds that comparing and repairing took.")
        self.repairs = Family("netctl_repairs_total", "counter", "Changes made to put drift right.")
        self.drifted = Family("netctl_drifted_resources", "gauge", "Resources that are not as declared.")
        self.contended = Family("netctl_contended_resources", "gauge", "Resources that someone else keeps changing.")
        self.resyncs = Family("netctl_resyncs_total", "counter", "Looks at everything, by reason.")
        self.looks = Family("netctl_looks_total", "counter", "Looks at a system whose events only say that it changed.")
        self.resources = Family("netctl_desired_resources", "gauge", "Resources that are kept.")
        self.state_errors = Family("netctl_desired_state_errors_total", "counter", "New desired states refused.")
        self.refusals = Family("netctl_refusals_total", "counter", "Webhook requests and further watches refused.")
        self.ready = Family("netctl_ready", "gauge", "1 where the desired state is the newest and holds.")

    def text(self, refresh: Callable[[], None]) -> str:
        """What ``/metrics`` serves, after *refresh* has set the gauges."""
        refresh()
        families = [family for family in vars(self).values() if isinstance(family, Family)]
        return "\n".join(line for family in families for line in family.lines()) + "\n"


def _braced(labels: Labels) -> str:
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{inner}}}" if inner else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return repr(int(value)) if value == int(value) else repr(value)

"""The text format of metrics, and where to listen."""

import pytest

from netctl.agent.metrics import Metrics
from netctl.agent.web import parse_listen
from netctl.cli.watch import duration
from netctl.errors import UsageError


def test_a_histogram_counts_what_is_at_most_each_bound() -> None:
    metrics = Metrics()
    for seconds in (0.0004, 0.002, 100.0):
        metrics.seconds.observe(seconds, controller="kernel")
    lines = metrics.text(lambda: None).splitlines()
    name = "controller_runtime_reconcile_time_seconds"
    assert f'{name}_bucket{{controller="kernel",le="0.0005"}} 1' in lines
    assert f'{name}_bucket{{controller="kernel",le="0.0025"}} 2' in lines
    assert f'{name}_bucket{{controller="kernel",le="60"}} 2' in lines
    assert f'{name}_bucket{{controller="kernel",le="+Inf"}} 3' in lines
    assert f'{name}_count{{controller="kernel"}} 3' in lines


def test_labels_are_escaped() -> None:
    metrics = Metrics()
    metrics.resyncs.add(reason='a "b"\n\\')
    assert 'netctl_resyncs_total{reason="a \\"b\\"\\n\\\\"} 1' in metrics.text(lambda: None)


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:9095", ("127.0.0.1", 9095)), (":80", ("127.0.0.1", 80)), ("[::1]:1", ("::1", 1))],
)
def test_an_address_to_listen_at(text: str, address: tuple[str, int]) -> None:
    assert parse_listen(text) == address


@pytest.mark.parametrize("text", ["", "9095", "a:b", "a:70000"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_listen(text)


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("7", 7)])
def test_a_duration(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "soon", "nan", "inf"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        duration(text)

"""What a host can do."""

from netctl.engine.protocol import Capability
from netctl.report.doctor import doctor_document, doctor_text, is_able

FINE = Capability("bridge devices", available=True, detail="built in", advice="load the module")
GONE = Capability("vxlan devices", available=False, advice="modprobe vxlan")
SPARE = Capability("IPv6", available=False, advice="boot with it", required=False)


def test_what_is_missing_comes_with_the_way_to_mend_it() -> None:
    assert doctor_text({"kernel": [FINE, GONE], "nftables": [SPARE]}) == (
        "kernel\n"
        "  ok       bridge devices  built in\n"
        "  missing  vxlan devices\n"
        "           modprobe vxlan\n"
        "\n"
        "nftables\n"
        "  absent   IPv6\n"
        "           boot with it\n"
        "\n"
        "Something that is required is missing."
    )


def test_only_what_is_required_makes_a_host_unable() -> None:
    assert is_able({"kernel": [FINE, SPARE]})
    assert not is_able({"kernel": [GONE]})


def test_the_document_has_every_finding() -> None:
    document = doctor_document({"kernel": [FINE, GONE]})
    assert document["able"] is False
    assert [finding["name"] for finding in document["systems"]["kernel"]] == ["bridge devices", "vxlan devices"]

"""Keys and their values, from the declaration or from files."""

from collections.abc import Iterator
from pathlib import Path as FilePath

from netctl.compiler.site import Site
from netctl.engine.resource import Desired, Origin
from netctl.kinds.consul import LARGEST_VALUE, KeyValue, Secret, kv_key


def compile_keys(site: Site) -> Iterator[Desired]:
    """Every key; one whose file cannot be read is reported."""
    for path, declared in sorted(site.topology.stack.kv.items()):
        origin = site.origin(("kv", path))
        if isinstance(declared, str):
            yield Desired(kv_key(path), KeyValue(path, declared, 0, sensitive=False), origin)
            continue
        value = declared.value if declared.file is None else _read(site, path, declared.file, origin)
        if value is not None:
            shown = Secret.of(path, value) if declared.is_sensitive else value
            yield Desired(kv_key(path), KeyValue(path, shown, declared.flags, declared.is_sensitive), origin)


def _read(site: Site, path: str, file: str, origin: Origin) -> str | None:
    """The file's content. A file is relative to the one that names it."""
    place = FilePath(origin.file).parent / file
    try:
        with place.open("rb") as opened:
            content = opened.read(LARGEST_VALUE + 1)
    except OSError as error:
        _report(
            site, path, f"{place} cannot be read: {error.strerror}", "Correct the path; it is relative to this file."
        )
        return None
    if len(content) > LARGEST_VALUE:
        _report(site, path, f"{place} has over {LARGEST_VALUE} bytes", "Consul's keys hold 512 KiB each; divide it.")
        return None
    return content.decode(errors="surrogateescape")


def _report(site: Site, path: str, message: str, advice: str) -> None:
    site.problems.error("NC353", ("kv", path, "file"), message, advice)

"""A published version: the whole declaration as one YAML document, which any host can read without the files.

It is what the files declare, merged, with variables replaced and the contents of keys' files in their places. Each
declaration is on a line of its own, in JSON, so that messages can name the line.
"""

import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from netctl.engine.store import LARGEST_VALUE
from netctl.errors import NetctlError
from netctl.stack.loader import LoadedStack, load
from netctl.stack.source import MAX_BYTES, STDIN

_MOST_PARTS = 256


def document_of(loaded: LoadedStack) -> str:
    """The document of a stack. Raises NetctlError where it cannot be one."""
    declared = loaded.stack.model_dump(mode="json", by_alias=True, exclude_unset=True)
    _inline(declared.get("kv", {}), loaded)
    text = "".join(_lines(_escaped(declared)))
    again = load([STDIN], stdin=io.BytesIO(text.encode()))
    if again.stack.model_dump(mode="json", by_alias=True, exclude_unset=True) != declared:
        raise NetctlError("the stack does not read back from what would be published: netctl has a bug", "Report it.")
    return text


def digest_of(text: str) -> str:
    """What tells a version from all others: SHA-256, in hexadecimal."""
    return sha256(text.encode()).hexdigest()


def divided(text: str) -> list[bytes]:
    """The document, compressed, in parts that the store takes. Raises NetctlError where it is too large."""
    packed = gzip.compress(text.encode(), mtime=0)
    parts = [packed[start : start + LARGEST_VALUE] for start in range(0, len(packed), LARGEST_VALUE)]
    if len(parts) > _MOST_PARTS or len(text) > MAX_BYTES:
        raise NetctlError(f"the stack is too large to be published: {len(text)} bytes", "Divide it into several.")
    return parts


def united(parts: Sequence[bytes], digest: str) -> str:
    """The document of its parts. Raises NetctlError where they are not what was published."""
    decompressor = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = decompressor.decompress(b"".join(parts), MAX_BYTES + 1)
    except zlib.error as error:
        raise _damaged(digest, "it cannot be decompressed") from error
    if len(content) > MAX_BYTES:
        raise _damaged(digest, f"it has over {MAX_BYTES} bytes")
    if not decompressor.eof:
        raise _damaged(digest, "it is truncated")
    if sha256(content).hexdigest() != digest:
        raise _damaged(digest, "it is not what its digest says")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise _damaged(digest, "it is no text") from error


def _damaged(digest: str, reason: str) -> NetctlError:
    return NetctlError(f"the published version {digest[:12]} cannot be used: {reason}", "Publish it again.")


def _inline(keys: dict[str, Any], loaded: LoadedStack) -> None:
    """Put the contents of files in the places of their names."""
    for path, entry in keys.items():
        if isinstance(entry, dict) and entry.get("file") is not None:
            place = Path(loaded.origin(("kv", path)).file).parent / entry.pop("file")
            if entry.get("sensitive") is None:
                entry["sensitive"] = True  # as a file's content is
            try:
                entry["value"] = place.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is no text"
                raise NetctlError(
                    f"the value of key '{path}' cannot be published: {place}: {reason}", "Correct 'file:'."
                ) from error


def _escaped(value: Any) -> Any:
    """*value* as it must be written to be read back: a dollar sign would begin a variable."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, dict):
        return {key: _escaped(entry) for key, entry in value.items()}
    return [_escaped(entry) for entry in value] if isinstance(value, list) else value


def _lines(declared: Mapping[str, Any]) -> Iterator[str]:
    """The stack's name first: whoever looks at the file sees what it is."""
    for key in sorted(declared, key=lambda key: (key != "stack", key)):
        value = declared[key]
        if isinstance(value, dict) and value:
            yield f"{key}:\n"
            yield from (f"  {_json(name)}: {_json(entry)}\n" for name, entry in sorted(value.items()))
        elif isinstance(value, list) and value:
            yield f"{key}:\n"
            yield from (f"  - {_json(entry)}\n" for entry in value)
        else:
            yield f"{key}: {_json(value)}\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)

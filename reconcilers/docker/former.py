"""What has been taken apart and may have to be put together again."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what speaks HTTP is imported where there is an Engine to speak to
    from reconcilers.docker.containers import Settings


@dataclass
class Former:
    """What this writer has taken apart of one network, as it was."""

    endpoints: "dict[str, Settings]" = field(default_factory=dict)
    """By the container's name."""
    labels: dict[str, str] = field(default_factory=dict)
    """Other tools' own."""

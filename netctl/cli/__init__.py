"""The commands, a module each: parse, call, exit code. What they share is in `options` and `workspace`."""

COMPLETE = "_NETCTL_COMPLETE"
"""In the environment where a shell asks what could follow."""

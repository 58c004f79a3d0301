"""The path of a packet, worked out from what the compiler writes for each host on the way. Pure.

`ends` finds what is meant by names; `machine` indexes one host's resources; `walk` takes a packet from namespace to
namespace, by `lookup` (routes), `filtering` (the stack's own chains) and `segments` (macvlans), and notes its `steps`;
`trace` puts the policies' decision beside it. What a host has beside the stack is not known, and the path says where
that begins.
"""

from netctl.path.trace import Trace, Tracer

__all__ = ["Trace", "Tracer"]

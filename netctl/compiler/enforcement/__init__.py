"""Policies in the kernel: resolved policies to sets and chains of the stack's tables.

Read `hooks` first (where packets are judged), then `steps` (what rules come to), `chains` (how steps become nftables
rules) and `members` (which elements endpoints are). `spoofing` is the table that keeps attachments to their addresses;
`revision` works out what one endpoint changes.

A packet costs the same however many policies and endpoints there are: one look-up finds the chain of its endpoint's
*class* (those that the same policies select), which has at most a few rules before another look-up, by protocol and
port, finds those about the packet's own.

Every packet in a connection's original direction is judged, not only the first, so that a policy cuts at once what it
no longer allows. Answers pass.
"""

from netctl.compiler.enforcement.compile import Enforcement, enforce
from netctl.compiler.enforcement.revision import revise

__all__ = ["Enforcement", "enforce", "revise"]

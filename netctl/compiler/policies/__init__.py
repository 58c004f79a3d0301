"""Policies resolved: from the language's selectors to the endpoints and prefixes of `netctl.policy.model`.

`endpoints` says what there is, with the addresses that the compiler gives out; `services` who belongs to what;
`selection` what a selector means; `rules` and `resolve` put it together.
"""

from netctl.compiler.policies.resolve import Resolution, resolve_policies

__all__ = ["Resolution", "resolve_policies"]

"""Policies, decided on paper: endpoints, selectors, resolved rules, and the verdict for a connection. Pure.

The language is resolved to the records of `netctl.policy.model`, from which both the evaluator and the compiler of the
firewall work: what is decided on paper and what the kernel enforces have one source.
"""

"""Stacks applied to hosts made of namespaces, and packets that must arrive, or must not."""

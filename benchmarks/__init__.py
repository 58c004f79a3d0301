"""Measures netctl against the kernel's own tools, in one run, and writes ``docs/benchmarks.md``: ``make bench``."""

"""The kinds of resource: what the compiler writes and the reconcilers read, one module a kind.

Each module has the kind's attributes (a NamedTuple), its key, and its `Kind`: which attributes identify it and
which cannot be changed in place. All values are canonical: addresses and prefixes as the kernel prints them, MAC
addresses in lower case, tables and metrics as numbers. ``None`` in a desired attribute means "not managed".
"""

"""Watching: the host is kept as declared, by the events of its own systems.

`agent` is the loop; it waits, and hands what arrives to `keeper`, which compares and repairs, and slows down (`pace`)
where someone else keeps changing the same thing. `keeping` has the desired state, and what is wrong with a newer one.
`sources` is where a desired state comes from, `listening` what tells of changes, `rumours` what systems have told that
only say where to look, `knowledge` what the compiler was told of the host. `metrics`, `log`, `status`, `web` and
`service` are how the world sees it.
"""

"""Many hosts, coordinated by a store that all of them reach (Consul): no server of netctl's own.

`publication` puts a stack into the store, `follower` follows it on each host. A host shows itself there (`presence`),
takes a number that stays its own (`leases`), and is told who else is there (`membership`). With that, `completion`
makes the published stack the one that is compiled: a stack of declared hosts, as from a file. `rollout` lets hosts
take up a new version one after the other; `overview` reads how all of them are. `records` is what is in the store,
under the keys of `layout`; none of it is trusted.
"""

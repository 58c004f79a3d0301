"""Virtual addresses and published ports: which connections go to which endpoints, and what of nftables does it.

A *frontend* is what clients connect to: a virtual address or any of the host's own, with protocol and port. It has
*slots*, each of which leads to an endpoint; an endpoint has as many as its weight says. A connection takes a random
slot. Frontends are elements of maps, so that no packet passes more rules, and no rule is made, for another service:

    services4     10.96.0.1 . tcp . 80 : goto spread4-3             how many slots a frontend has
    backends4     10.96.0.1 . tcp . 80 . slot : 10.10.0.20 . 80     where each of them leads

There is one small chain for each number of slots that occurs, because a rule's random numbers have a fixed range.
"""

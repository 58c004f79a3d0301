"""The embedded DNS server: names of services, their endpoints and the stack's hosts.

`names` says which names there are, after the Kubernetes specification of DNS-based service discovery (schema version
1.1.0) with the stack in the namespace's place, and after Consul's; `zone` answers from them; `wire` is RFC 1035's
format; `responder` decides who answers a query: a zone, a resolver in `forwarding`, or nobody; `server` has the
sockets. A reply that was made once is kept as bytes until the state changes.
"""

"""The embedded DNS server, by real queries."""

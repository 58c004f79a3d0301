"""Whom connections by TLS trust."""

import ssl


def trusting(file: str | None = None, directory: str | None = None) -> ssl.SSLContext:
    """A context that trusts the authorities of *file* and *directory*, and of the system where neither is given.

    Authorities that people have made by hand often lack extensions that RFC 5280 asks for. Docker's and Consul's own
    clients take them all the same, and so did Python before 3.13. Raises OSError.
    """
    context = ssl.create_default_context(cafile=file, capath=directory)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context

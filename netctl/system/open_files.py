"""The limit of a process's open files. A socket in each of thousands of namespaces is more than most limits allow."""

import resource

_OTHER_FILES = 256


def raise_limit() -> int:
    """Let this process open as many files as it may at most; how many that is."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def make_room(sockets: int) -> int:
    """Let this process have so many sockets open, and what else it opens; how many of them it may."""
    needed = sockets + _OTHER_FILES
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if needed > limit != resource.RLIM_INFINITY:
        limit = raise_limit()
    return sockets if limit == resource.RLIM_INFINITY else max(1, min(sockets, limit - _OTHER_FILES))

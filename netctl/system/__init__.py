"""What Linux offers to a process and Python's library does not: network namespaces, inotify, room for open files."""

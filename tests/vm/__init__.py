"""What needs kinds of devices, or sockets, that not every kernel has: ``make vm`` runs it in a virtual machine."""

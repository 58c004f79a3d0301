"""The commands, on the real kernel in namespaces of the tests' own."""

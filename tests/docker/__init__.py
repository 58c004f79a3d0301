"""Docker, with real Engines in namespaces of the tests' own."""

"""The same Engine and lab as the tests of Docker have."""

from tests.docker.conftest import _engine, engine, lab

__all__ = ["_engine", "engine", "lab"]

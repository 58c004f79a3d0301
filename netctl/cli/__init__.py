"""The commands, a module each: parse, call, exit code. What they share is in `options` and `workspace`."""

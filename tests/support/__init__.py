"""What the tests share: namespaces of their own, snapshots of what is in them, and a record of what changes there."""

"""The language: files to a validated `Stack`, and every mistake with its place in them."""

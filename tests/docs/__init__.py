"""The documentation is run: what a page shows is what the programs print, and what it links to is there."""

"""``python -m netctl``."""

import sys

from netctl.cli.main import console

sys.exit(console())

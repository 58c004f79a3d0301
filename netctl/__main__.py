"""``python -m netctl``."""

import sys

from netctl.cli.main import main

sys.exit(main())

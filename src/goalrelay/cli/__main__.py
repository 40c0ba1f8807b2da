"""`python -m goalrelay.cli` is `goalrelay`."""

import sys

from goalrelay.cli.main import main

sys.exit(main())

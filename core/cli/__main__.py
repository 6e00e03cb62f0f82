"""`python -m core.cli ARGS`, which is what `manage.py ARGS` calls."""

from __future__ import annotations

import sys

from core.cli import main

sys.exit(main())

"""`python -m core.cli ARGS`, which is what `manage.py ARGS` calls."""

from __future__ import annotations

import sys

from core.cli import main
from core.heaps import keep_few_heaps
from core.own_files import keep_to_ourselves

keep_to_ourselves()
keep_few_heaps()
sys.exit(main())

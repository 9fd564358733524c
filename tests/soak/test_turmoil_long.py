# SPDX-License-Identifier: BSD-2-Clause
"""The turmoil of tests/scenario, for minutes; SALLY_TURMOIL_SEED and SALLY_TURMOIL_SECONDS as there."""
import os
import sys

os.environ.setdefault("SALLY_TURMOIL_SECONDS", "120")
os.environ.setdefault("SALLY_TURMOIL_PLAYERS", "4")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "scenario"))

import test_turmoil  # noqa: E402


class Long(test_turmoil.Turmoil):
    pass

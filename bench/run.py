#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""./run bench NAME ...: hands over to bench/NAME.py."""
import os
import sys

BENCHES = {"client": "clients.py", "server": "server.py", "verdict": "verdict.py", "wall": "wall.py"}

if len(sys.argv) < 2 or sys.argv[1] not in BENCHES:
    sys.exit(f"usage: ./run bench {{{'|'.join(BENCHES)}}} [OPTION ...]   (--help after the name tells the options)")
script = os.path.join(os.path.dirname(os.path.abspath(__file__)), BENCHES[sys.argv[1]])
os.execv(sys.executable, [sys.executable, script, *sys.argv[2:]])

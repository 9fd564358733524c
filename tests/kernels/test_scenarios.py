# SPDX-License-Identifier: BSD-2-Clause
"""Scenarios that are for any kernel, on this one: those that downloads under TLS are part of, and that can bear an emulator."""
from test_tls import Attacks, Negotiation  # noqa: F401: found by the loader
from test_tls_data import DataChannels, Ends  # noqa: F401
from test_tls_processes import Programs  # noqa: F401

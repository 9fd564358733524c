# SPDX-License-Identifier: BSD-2-Clause
"""Scenarios that are for any kernel, on this one: those that downloads under TLS are part of, and that can bear an emulator."""
from test_tls import Attacks, DataChannels, Ends, Negotiation, Programs  # noqa: F401: found by the loader

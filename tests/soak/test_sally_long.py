# SPDX-License-Identifier: BSD-2-Clause
"""sally's transfers, ended at random, 500 and more of them."""
import test_sally_kills


class ClientKilledLong(test_sally_kills.ClientKilled):
    times, limit = 200, 1800


class ServerKilledLong(test_sally_kills.ServerKilled):
    times, limit = 200, 1800


class NetworkCutLong(test_sally_kills.NetworkCut):
    times, limit = 200, 1800


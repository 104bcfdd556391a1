# SPDX-License-Identifier: Apache-2.0
"""Helpers of the integration tests: processes, ports, certificates, foreign brokers and clients."""

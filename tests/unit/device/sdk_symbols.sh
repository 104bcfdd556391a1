#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The SDK must not need a heap, formatted output or the operating system.
# usage: sdk_symbols.sh LIBRARY
set -eu
found=$(nm --undefined-only "$1")
echo "$found" | grep -q mrl_mqtt_read || { echo "no object of the SDK in $1"; exit 1; }
if echo "$found" | grep -wE 'malloc|calloc|realloc|free|.*printf(_chk)?|open|read|write|socket|time|clock_gettime|abort'; then
    echo "the SDK may not call these"
    exit 1
fi

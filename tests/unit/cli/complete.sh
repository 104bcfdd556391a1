#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the completion script offers. usage: complete.sh SCRIPT
set -euo pipefail
# shellcheck source=/dev/null
source "$1"
failed=0

# offers WORD WANTED...: pressing TAB behind these words gives exactly WORD.
offers() {
    local wanted="$1"
    shift
    COMP_WORDS=("$@")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMPREPLY=()
    _merlon || true # compgen says 1 when it has nothing
    if [[ "${COMPREPLY[*]}" != "$wanted" ]]; then
        printf '%s: offers "%s", wanted "%s"\n' "$*" "${COMPREPLY[*]}" "$wanted" >&2
        failed=1
    fi
}

offers 'device' merlon dev
offers 'quarantine' merlon device q
offers 'create cancel' merlon token c
offers '--group' merlon device add x --g
offers 'expected' merlon device list --state e
offers 'json' merlon status -o j
offers 'viewer operator security auditor admin' merlon operator add x --role ''
offers '' merlon device show ''
offers '' merlon nothing ''
exit "$failed"

#!/usr/bin/env bash
# Fails when a .c or .h differs from what .clang-format makes of it; `format-check.sh --fix` rewrites them.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=(--dry-run -Werror --ferror-limit=3)
[[ ${1:-} == --fix ]] && mode=(-i)
scripts/source-files.sh .c .h | xargs -r -d '\n' -P "$(nproc)" -n 25 clang-format --style=file "${mode[@]}"

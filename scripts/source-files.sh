#!/usr/bin/env bash
# The project's own files, one a line: what git tracks or would track; without git, what is there.
#   source-files.sh [SUFFIX...]      e.g. source-files.sh .c .h
set -euo pipefail
cd "$(dirname "$0")/.."

list() {
    git ls-files --cached --others --exclude-standard 2>/dev/null ||
        find . \( -path ./.git -o -path ./build -o -path ./data -o -name __pycache__ \) -prune -o -type f -printf '%P\n'
}

list | sort -u | while read -r file; do
    [[ -f $file ]] || continue
    if [[ $# -eq 0 ]]; then
        echo "$file"
        continue
    fi
    for suffix in "$@"; do
        if [[ $file == *"$suffix" ]]; then
            echo "$file"
        fi
    done
done

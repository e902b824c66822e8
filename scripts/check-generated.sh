#!/usr/bin/env bash
# Fails when a generated header holds a callback field: nanopb gives one to every string or list without a
# bound in the .options file, and decodes it to nothing.
#   check-generated.sh GENERATED_DIR
#   check-generated.sh --self-test      proves that the check can fail
set -euo pipefail

check() {
    local headers
    headers=$(find "$1" -name '*.pb.h' -not -path '*/.scratch/*')
    if [[ -z $headers ]]; then
        echo "no generated headers in $1"
        return 1
    fi
    if grep -n 'pb_callback_t' $headers; then
        echo "the fields above have no max_size, max_count or FT_POINTER in their .options file"
        return 1
    fi
}

if [[ ${1:-} == --self-test ]]; then
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
    printf 'typedef struct { char id[37]; } good_t;\n' > "$dir/a.pb.h"
    check "$dir"
    printf 'typedef struct { pb_callback_t name; } bad_t;\n' > "$dir/b.pb.h"
    if check "$dir" > /dev/null; then
        echo "a header with a callback field passed the check"
        exit 1
    fi
    exit 0
fi
check "${1:?usage: check-generated.sh GENERATED_DIR}"

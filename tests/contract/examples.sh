#!/usr/bin/env bash
# The C subscriber builds by itself: its folder and the .proto files, copied out of the tree, and nothing else. The
# sample configuration is one that the service takes.
set -euo pipefail
root=${TEST_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cp -r "$root/deploy/examples/c" "$scratch/c"
mkdir -p "$scratch/proto/integration/v1"
cp "$root"/proto/integration/v1/*.proto "$root"/proto/integration/v1/*.options "$scratch/proto/integration/v1/"
cmake -S "$scratch/c" -B "$scratch/build" -DPROTO_DIR="$scratch/proto" -DCMAKE_C_FLAGS="-O0 -Wall -Wextra -Werror" > "$scratch/log"
cmake --build "$scratch/build" >> "$scratch/log" 2>&1 || { cat "$scratch/log" >&2; exit 1; }
"$scratch/build/stream-subscriber" --help | grep -q -- --from-seq
echo "the C subscriber builds out of the tree"

env -i "${TEST_BIN_DIR:-$root/build}/integration-service" --check-config --config "$root/deploy/examples/integration.yaml" \
    > "$scratch/effective"
grep -q 'max_attempts: 20' "$scratch/effective"
echo "the sample configuration is accepted"

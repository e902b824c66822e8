#!/usr/bin/env bash
# Configures a preset of CMakePresets.json and builds it; quiet unless something fails.
#   build.sh PRESET [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=$1
shift
dir=build
[[ $preset == release ]] || dir=build/$preset
started=$SECONDS
mkdir -p "$dir"
if ! cmake --preset "$preset" > "$dir/configure.log" 2>&1; then
    cat "$dir/configure.log" >&2
    exit 1
fi
if [[ -t 1 ]]; then
    ninja -C "$dir" "$@"
elif ! ninja -C "$dir" --quiet "$@" > "$dir/build.log" 2>&1; then
    cat "$dir/build.log" >&2
    exit 1
fi
echo "built $dir in $((SECONDS - started)) s"

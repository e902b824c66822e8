#!/usr/bin/env bash
# make test, make test-tsan: installs, builds, checks and runs everything.
#   test.sh asan|tsan [runner option...]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=$1
shift
scripts/install-deps.sh test
checks=()
if [[ $preset == asan ]]; then
    scripts/build.sh release
    checks=(--check format-check=scripts/format-check.sh --check lint=scripts/lint.py)
fi
scripts/build.sh "$preset"
exec /usr/bin/python3 tests/support/run-tests.py --build "build/$preset" "${checks[@]}" "$@"

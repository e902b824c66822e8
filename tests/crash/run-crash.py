#!/usr/bin/python3
"""make crash: kills the service with SIGKILL at random moments under load, far more often than `make test` does, and
checks that every acknowledged signal is there after the restarts, once, as it was acknowledged or superseded since, and
on the stream without a gap; that no two active signals contradict each other; and that an Idempotency-Key gets its first
answer again.

usage: run-crash.py [--kills N] [--kills-postgres N] [--seed N] [--build DIR]

The work is done by tests/e2e/crash_test.c. A run is repeated by its seed, which is printed; the moments are counted in
acknowledged signals, so a repetition comes close to the first run without being the same.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def build(directory):
    """Configures and builds the crash test and the programs it starts; quiet unless it fails."""
    commands = [
        ["cmake", "-S", ROOT, "-B", directory, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DINTEGRATION_TESTS=ON"],
        ["ninja", "-C", directory, "e2e-crash"],
    ]
    for command in commands:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            sys.exit(done.stdout)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="kills on SQLite (200)")
    parser.add_argument("--kills-postgres", type=int, default=50, help="kills on PostgreSQL (50)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the random moments (the time)")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "crash", help="build tree")
    return parser.parse_args()


def main():
    options = arguments()
    build(options.build)
    print(f"{options.kills} kills on SQLite, {options.kills_postgres} on PostgreSQL, seed {options.seed}", flush=True)
    environment = dict(os.environ, TEST_BIN_DIR=str(options.build), CRASH_KILLS=str(options.kills),
                       CRASH_KILLS_POSTGRES=str(options.kills_postgres), CRASH_SEED=str(options.seed))
    return subprocess.run([options.build / "tests" / "e2e-crash", "-j1", "--verbose"], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())

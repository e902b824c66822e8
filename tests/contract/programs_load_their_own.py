#!/usr/bin/python3
"""What the loader takes into the programs: never a library of the current directory, and into the service both TLS
shims, as civetweb's names for OpenSSL exist only on machines with the development package."""
import os
import re
import subprocess
import sys

PROGRAMS = ("integration-service", "integration-cli", "integration-sim")
SHIMS = {"libssl.so", "libcrypto.so"}
ENTRY = re.compile(r"\((NEEDED|RPATH|RUNPATH)\).*\[(.*)\]")


def entries(program):
    listing = subprocess.run(["readelf", "--dynamic", "--wide", program], capture_output=True, text=True, check=True)
    return ENTRY.findall(listing.stdout)


def problems(folder):
    for name in PROGRAMS:
        found = entries(os.path.join(folder, name))
        needed = {value for kind, value in found if kind == "NEEDED"}
        if not needed:
            yield f"{name}: no libraries listed"
        for kind, value in found:
            for path in sorted(set(value.split(":"))) if kind != "NEEDED" else ():
                if not path.startswith("$ORIGIN/"):
                    yield f"{name}: {kind} has \"{path}\"; allowed: below $ORIGIN/"
        if name == "integration-service":
            yield from (f"{name}: does not need {shim}" for shim in sorted(SHIMS - needed))


found = list(problems(os.environ["TEST_BIN_DIR"]))
for problem in found:
    print(problem, file=sys.stderr)
sys.exit(1 if found else 0)

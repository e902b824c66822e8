#!/usr/bin/env bash
# Installs what is missing from Debian's packages, and says what; silent when nothing is.
#   install-deps.sh [run|test|bench]...     (default run)
# Needs root or sudo only when something is missing. Starts no system service: a PostgreSQL that is
# installed here gets no cluster of its own, and a redis-server is left stopped.
set -euo pipefail

RUN="tzdata build-essential cmake ninja-build pkg-config ccache python3 curl ca-certificates
     libczmq-dev libzmq3-dev libsodium-dev nanopb libnanopb-dev protobuf-compiler libprotobuf-dev python3-protobuf
     libpq-dev libhiredis-dev libcivetweb-dev libcurl4-openssl-dev libsqlite3-dev libjansson-dev libzstd-dev
     libyaml-dev libssl-dev"
TEST="libcriterion-dev clang-format clang-tidy postgresql redis-server python3-zmq openssl"
BENCH="postgresql wrk"

wanted=$RUN
for set in "$@"; do
    case $set in
    run) ;;
    test) wanted+=" $TEST" ;;
    bench) wanted+=" $BENCH" ;;
    *) echo "install-deps.sh: unknown set '$set', allowed: run test bench" >&2; exit 2 ;;
    esac
done

missing=()
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
for package in $wanted; do
    grep -qxF "$package" <<< "$installed" || missing+=("$package")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo > /dev/null; then
        echo "Missing packages, and neither root nor sudo to install them: ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
echo "Installing from Debian: ${missing[*]}"

# Services stay stopped while the packages are set up, unless the machine has its own policy.
policy=/usr/sbin/policy-rc.d
if [[ " ${missing[*]} " == *" redis-server "* && ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" > /dev/null
    "${as_root[@]}" chmod 755 "$policy"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
# The tests run private servers; the cluster that Debian's package would make is of no use to them.
if [[ " ${missing[*]} " == *" postgresql "* && " $installed " != *postgresql-common* ]]; then
    "${as_root[@]}" mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' |
        "${as_root[@]}" tee /etc/postgresql-common/createcluster.d/no-main-cluster.conf > /dev/null
fi

apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@"; }
log=$(mktemp)
if ! { apt update && apt install -y --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 < /dev/null; then
    cat "$log" >&2
    echo "Installing failed (output above): ${missing[*]}" >&2
    rm -f "$log"
    exit 1
fi
rm -f "$log"

#!/usr/bin/python3
"""make bench: figures of the service, measured in one run on this machine, as ratios to a bare civetweb handler.

usage: run-bench.py [--build DIR] [--out FILE] [--rounds N] [--seconds S] [--only PART[,PART...]]

Parts: http (bare handler, /health, durable signals on SQLite and PostgreSQL, in short rounds that alternate, so that
a busy moment of the machine hits all alike), bus, start, idle, cycle. A part that cannot run says why and the others
go on. Everything runs on free ports of loopback in a temporary directory. Exit status 1 when a part failed to run;
a target that is missed is shown, and does not fail.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = pathlib.Path(__file__).resolve().parent
CONNECTIONS = 32
READY_SECONDS = 30
STOP_SECONDS = 20
SERVICES = ("macro", "portfolio", "execution", "flowhub")
PARTS = ("http", "bus", "start", "idle", "cycle")

# What is to be reached, by the name of the figure: (limit, whether more is better).
TARGETS = {
    "health_ratio": (0.75, True),
    "route_sqlite_ratio": (0.30, True),
    "start_to_ready_s": (0.5, False),
    "idle_rss_mib": (48, False),
    "idle_cpu_percent": (1, False),
    "cycle_overhead_ms": (100, False),
}


class BenchError(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stop(process):
    """Ends a child that we started; whoever does not end in time is killed."""
    if process.poll() is not None:
        return
    if process.stdin:
        process.stdin.close()
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def pause(process, seconds):
    """Lets a child run for that long; an error when it ends meanwhile."""
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
    raise BenchError(f"{process.args[0]} ended with {code}")


def get_json(url, body=None, timeout=90):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"} if data else {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise BenchError(f"{url}: {error.code} {error.read().decode(errors='replace')}") from error


class Bench:
    def __init__(self, options, directory):
        self.build = pathlib.Path(options.build)
        self.rounds, self.seconds = options.rounds, options.seconds
        self.directory = pathlib.Path(directory)
        self.figures, self.details, self.errors = {}, {}, {}
        self.children = []
        self.names = 0

    def name(self, what):
        self.names += 1
        return f"{what}-{self.names}"

    # ---- programs ----

    def spawn(self, argv, **options):
        process = subprocess.Popen(argv, **options)
        self.children.append(process)
        return process

    def start_bare(self):
        process = self.spawn([self.build / "bench-bare-handler", "0", "64"], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline().split()
        if len(line) != 2:
            raise BenchError("the bare handler did not start")
        return f"http://127.0.0.1:{line[1]}/bare"

    def environment(self, data, **more):
        env = {key: value for key, value in os.environ.items()
               if not key.startswith(("INTEGRATION_", "ADAPTER_", "ANALYSIS_", "SIGNALS_", "CACHE_", "DATABASE_"))}
        env.update(INTEGRATION_HOST="127.0.0.1", INTEGRATION_PORT="0", INTEGRATION_DATA_DIR=str(data),
                   INTEGRATION_STREAM_URL=f"tcp://127.0.0.1:{free_port()}",
                   INTEGRATION_REPLAY_URL=f"tcp://127.0.0.1:{free_port()}", LOG_LEVEL="INFO")
        for service in SERVICES:
            env.setdefault(f"{service.upper()}_SERVICE_URL", "http://127.0.0.1:9")
        env.update(more)
        return env

    def start_service(self, data=None, **more):
        """(process, URL, seconds from start to the ready line)"""
        data = data or self.directory / self.name("data")
        log = self.directory / self.name("service.log")
        begun = time.monotonic()
        with open(log, "wb") as out:
            process = self.spawn([self.build / "integration-service"], env=self.environment(data, **more),
                                 stdout=subprocess.DEVNULL, stderr=out)
        try:
            while time.monotonic() - begun < READY_SECONDS:
                for line in log.read_text(errors="replace").splitlines():
                    if '"msg":"ready"' in line:
                        return process, json.loads(line)["rest"], time.monotonic() - begun
                pause(process, 0.001)
            raise BenchError(f"no ready line within {READY_SECONDS} s")
        except BenchError as error:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
            raise BenchError(f"{error}:\n{tail}") from error

    def wait_ready(self, process, url):
        """Until the store answers, which may come up after the listener."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                return get_json(f"{url}/api/v1/signals/history?limit=1", timeout=5)
            except (BenchError, OSError) as error:
                if time.monotonic() > deadline:
                    raise BenchError(f"not ready after {READY_SECONDS} s: {error}") from error
            pause(process, 0.05)

    def start_postgres(self):
        """URL of a private server, as the user postgres when we are root."""
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        if not found:
            raise BenchError("the package postgresql is missing")
        binaries = pathlib.Path(found[-1]).parent
        user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        home = self.directory / "postgres"
        home.mkdir()
        self.directory.chmod(0o755)
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        if user:
            os.chown(home, user.pw_uid, user.pw_gid)
        subprocess.run([binaries / "initdb", "-D", home / "data", "-A", "trust", "-U", "bench", "--no-locale", "-E",
                        "UTF8"], check=True, stdout=subprocess.DEVNULL, cwd="/", **as_user)
        port = free_port()
        with open(self.directory / "postgres.log", "wb") as log:
            server = self.spawn([binaries / "postgres", "-D", home / "data", "-p", str(port), "-k", home, "-c",
                                 "listen_addresses=127.0.0.1"], stdout=log, stderr=log, cwd="/", **as_user)
        deadline = time.monotonic() + READY_SECONDS
        while subprocess.run([binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)],
                             check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise BenchError("PostgreSQL did not start")
            pause(server, 0.05)
        return f"postgresql://bench@127.0.0.1:{port}/postgres"

    # ---- http ----

    def load(self, url, post=False):
        """Requests a second and the 99th percentile in ms of one round of wrk."""
        argv = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{self.seconds}s", "--latency", url]
        if post:
            argv[1:1] = ["-s", str(HERE / "route.lua")]
            argv += ["--", self.name(f"b{os.getpid()}-{time.time_ns() % 10**9}")]
        out = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
        refused = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
        if refused:
            raise BenchError(f"{url}: {refused[1]} answers were not 2xx")
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
        value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", out).groups()
        return {"per_second": rate, "p99_ms": float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]}

    def http_targets(self):
        """[(name, URL, post, name of what it is a ratio of)]"""
        bare = self.start_bare()
        process, sqlite, _ = self.start_service()
        self.wait_ready(process, sqlite)
        targets = [("bare_get", bare, False, None), ("health", f"{sqlite}/health", False, "bare_get"),
                   ("bare_post", bare, True, None),
                   ("route_sqlite", f"{sqlite}/api/v1/signals/route", True, "bare_post")]
        try:
            process, postgres, _ = self.start_service(DATABASE_URL=self.start_postgres())
            self.wait_ready(process, postgres)
            targets.append(("route_postgres", f"{postgres}/api/v1/signals/route", True, "bare_post"))
        except (BenchError, OSError, subprocess.SubprocessError) as error:
            self.errors["http.route_postgres"] = str(error)
        return targets

    def http(self):
        if not shutil.which("wrk"):
            raise BenchError("the package wrk is missing")
        targets = self.http_targets()
        rounds = []
        for number in range(self.rounds):
            print(f"  http: round {number + 1} of {self.rounds}", file=sys.stderr)
            rounds.append({name: self.load(url, post) for name, url, post, _ in targets})
        for name, _, _, base in targets:
            rates = [one[name]["per_second"] for one in rounds]
            self.details[name] = {"per_second": round(statistics.median(rates)), "rounds": [round(r) for r in rates],
                                  "p99_ms": round(statistics.median(one[name]["p99_ms"] for one in rounds), 3)}
            if base:
                ratios = [one[name]["per_second"] / one[base]["per_second"] for one in rounds]
                self.figures[f"{name}_ratio"] = round(statistics.median(ratios), 3)

    # ---- the rest ----

    def bus(self):
        out = subprocess.run([self.build / "bench-bus-bench", str(self.seconds)], check=True, capture_output=True,
                             text=True).stdout
        self.details["bus"] = json.loads(out)

    def start(self):
        data = self.directory / self.name("data")
        times = []
        for _ in range(5):
            process, _, seconds = self.start_service(data)
            times.append(seconds)
            stop(process)
        self.details["start"] = {"first_s": round(times[0], 3), "again_s": [round(t, 3) for t in times[1:]]}
        self.figures["start_to_ready_s"] = round(max(times[0], statistics.median(times[1:])), 3)

    def idle(self):
        process, url, _ = self.start_service()
        self.wait_ready(process, url)
        pause(process, 2)  # what starts with the process has settled
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        ticks = self.cpu_ticks(process.pid)
        begun = time.monotonic()
        pause(process, 10)
        used = (self.cpu_ticks(process.pid) - ticks) / os.sysconf("SC_CLK_TCK")
        self.figures["idle_rss_mib"] = round(int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024, 1)
        self.figures["idle_cpu_percent"] = round(100 * used / (time.monotonic() - begun), 2)
        self.details["idle"] = {"threads": int(re.search(r"Threads:\s+(\d+)", status)[1])}
        stop(process)

    @staticmethod
    def cpu_ticks(pid):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def start_simulator(self):
        process = self.spawn([self.build / "integration-sim", "--base-port", "0", "--job-ms", "0", "--print-ports"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        urls = {}
        with concurrent.futures.ThreadPoolExecutor(1) as reader:
            while len(urls) < len(SERVICES):
                line = reader.submit(process.stdout.readline).result(READY_SECONDS)
                if not line:
                    raise BenchError("the simulator did not start")
                found = re.match(r"(\w+_SERVICE_URL)=(\S+)", line)
                if found:
                    urls[found[1]] = found[2]
        return urls

    def one_cycle(self, url):
        """Milliseconds of a cycle beyond what the called services took."""
        trigger = get_json(f"{url}/api/v1/system/analysis/trigger", {"wait_seconds": 60})["data"]
        if trigger["status"] != "completed":
            raise BenchError(f"the cycle ended {trigger['status']}: {trigger.get('error')}")
        cycle = get_json(f"{url}/api/v1/system/analysis/{trigger['cycle_id']}")["data"]
        downstream = sum(stage.get("downstream_ms") or 0 for stage in cycle["stages"])
        return {"duration_ms": cycle["duration"] * 1000, "downstream_ms": downstream,
                "overhead_ms": cycle["duration"] * 1000 - downstream}

    def cycle(self):
        process, url, _ = self.start_service(**self.start_simulator())
        self.wait_ready(process, url)
        self.one_cycle(url)  # fetches the datasets: the others find them ready
        runs = [self.one_cycle(url) for _ in range(10)]
        self.figures["cycle_overhead_ms"] = round(statistics.median(run["overhead_ms"] for run in runs), 1)
        self.details["cycle"] = {key: round(statistics.median(run[key] for run in runs), 1) for key in runs[0]}

    # ---- all ----

    def run(self, part):
        print(f"{part} ...", file=sys.stderr)
        try:
            getattr(self, part)()
        except (BenchError, OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
            self.errors[part] = f"{type(error).__name__}: {error}"
        finally:
            for process in reversed(self.children):
                stop(process)
            self.children.clear()


def verdict(name, value):
    if name not in TARGETS:
        return ""
    limit, more = TARGETS[name]
    reached = value >= limit if more else value <= limit
    return f"{'>=' if more else '<='} {limit:g}  {'reached' if reached else 'MISSED'}"


def show(bench):
    print(f"\n{'figure':<24}{'value':>12}   target")
    for name, value in bench.figures.items():
        print(f"{name:<24}{value:>12}   {verdict(name, value)}")
    print(f"\n{'requests':<24}{'per second':>12}{'p99 ms':>10}")
    for name, detail in bench.details.items():
        if "per_second" in detail:
            print(f"{name:<24}{detail['per_second']:>12}{detail['p99_ms']:>10}")
    for name, detail in bench.details.get("bus", {}).items():
        print(f"{name:<32}{detail['per_second']:>10} a second, {detail['us_per_round_trip']} us each")
    for part, error in bench.errors.items():
        print(f"\n{part} did not run: {error}")


def main():
    parser = argparse.ArgumentParser(description="Measures the service.")
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--out", help="default: bench.json in the build directory")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each round")
    parser.add_argument("--only", default=",".join(PARTS))
    options = parser.parse_args()
    parts = options.only.split(",")
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        parser.error(f"unknown part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory(prefix="integration-bench-") as directory:
        bench = Bench(options, directory)
        for part in parts:
            bench.run(part)
    show(bench)
    out = pathlib.Path(options.out) if options.out else bench.build / "bench.json"
    out.write_text(json.dumps({
        "cpus": os.cpu_count(), "connections": CONNECTIONS, "figures": bench.figures,
        "targets": {name: {"limit": limit, "more_is_better": more} for name, (limit, more) in TARGETS.items()},
        "details": bench.details, "errors": bench.errors}, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {out}")
    sys.exit(1 if bench.errors else 0)


if __name__ == "__main__":
    main()

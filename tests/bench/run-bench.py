#!/usr/bin/python3
"""make bench: figures of the service, measured in one run on this machine, as ratios to a bare civetweb handler.

usage: run-bench.py [--build DIR] [--out FILE] [--rounds N] [--seconds S] [--rows N] [--only PART[,PART...]]

Parts: http (bare handler, /health, durable signals on SQLite and PostgreSQL, in short rounds that alternate, so that
a busy moment of the machine hits all alike), batch (signals by the thousand, and what each costs), bus, start, idle, cycle, stream (from a POST to the subscriber, open
loop), cycles (pages of 10,000 past cycles, 50 cycles at once), history (pages of a long signal history, on both engines), isolation (calls to three services while the fourth
hangs), scope (the index of active signals with a million of them). A part that cannot run says why and the others go
on. Everything runs on free ports of loopback in a temporary directory. Exit status 1 when a part failed to run; a
target that is missed is shown, and does not fail.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

from bench_history import History
from bench_programs import BenchError, READY_SECONDS, SERVICES, free_port, get_json, pause, send_json, stop

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = pathlib.Path(__file__).resolve().parent
CONNECTIONS = 32
BATCH_SIGNALS = 1000
BATCH_CONNECTIONS = 4
PAST_CYCLES = 10000
CYCLES_AT_ONCE = 50
STREAM_RATE = 5000  # signals a second
PARTS = ("http", "batch", "bus", "start", "idle", "cycle", "cycles", "history", "stream", "isolation", "scope")

# What is to be reached, by the name of the figure: (limit, whether more is better).
TARGETS = {
    "health_ratio": (0.75, True),
    "route_sqlite_ratio": (0.30, True),
    "route_sqlite_p99_ms": (10, False),
    "batch_sqlite_per_second": (100000, True),
    "batch_postgres_per_second": (60000, True),
    "start_to_ready_s": (0.5, False),
    "idle_rss_mib": (48, False),
    "idle_cpu_percent": (1, False),
    "cycle_overhead_ms": (20, False),
    "history_page_ms": (20, False),
    "cycles_at_once_missed": (0, False),
    "signals_page_sqlite_ms": (20, False),
    "signals_page_postgres_ms": (20, False),
    "isolation_p99_ratio": (1.5, False),
    "stream_p50_ms": (1, False),
    "stream_p99_ms": (5, False),
    "scope_signal_ratio": (1.3, False),
    "scope_bytes": (400, False),
    "scope_load_s": (5, False),
}


class Bench(History):
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
            if name.startswith("route_"):
                self.figures[f"{name}_p99_ms"] = self.details[name]["p99_ms"]

    # ---- batch ----

    @staticmethod
    def thread_seconds(pid):
        """CPU seconds of the process so far by the name of its threads; of those that ended too, as `others`."""
        def seconds(path):
            name, rest = re.match(r"\d+ \((.*)\) (.*)", path.read_text()).groups()
            fields = rest.split()
            return name, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        found = {}
        for path in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
            try:
                name, used = seconds(path)
            except (OSError, AttributeError):
                continue  # it ended meanwhile
            found[name] = found.get(name, 0) + used
        found["others"] = seconds(pathlib.Path(f"/proc/{pid}/stat"))[1] - sum(found.values())
        return found

    def batch_round(self, process, url):
        """One round of batches; microseconds of CPU a signal of the service by thread, and of the load beside it."""
        before = self.thread_seconds(process.pid)
        argv = [self.build / "bench-batch-load", url.removeprefix("http://"), str(self.seconds),
                str(BATCH_CONNECTIONS), str(BATCH_SIGNALS)]
        out = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
        signals = out["accepted"] + out["rejected"]
        if out["rejected"] or not signals:
            raise BenchError(f"{out['rejected']} of {signals} signals were rejected")
        spent = {name: (used - before.get(name, 0)) * 1e6 / signals
                 for name, used in self.thread_seconds(process.pid).items()}
        out["cpu_us"] = {name: round(us, 3) for name, us in sorted(spent.items(), key=lambda one: -one[1])
                         if us >= 0.005}
        out["service_us"], out["load_us"] = sum(spent.values()), out.pop("load_cpu_s") * 1e6 / signals
        return out

    def batch_on(self, engine, **environment):
        process, url, _ = self.start_service(**environment)
        self.wait_ready(process, url)
        self.batch_round(process, url)  # warm, and the database has grown
        rounds = []
        for number in range(self.rounds):
            print(f"  batch: round {number + 1} of {self.rounds} on {engine}", file=sys.stderr)
            rounds.append(self.batch_round(process, url))
        stop(process)
        self.details[f"batch_{engine}"] = {"rounds": rounds}
        middle = sorted(rounds, key=lambda one: one["per_second"])[len(rounds) // 2]
        self.figures[f"batch_{engine}_per_second"] = middle["per_second"]
        self.figures[f"batch_{engine}_cpu_us"] = round(statistics.median(one["service_us"] for one in rounds), 2)

    def batch(self):
        """Durable signals a second by the thousand, none with a rival."""
        self.batch_on("sqlite")
        try:
            self.batch_on("postgres", DATABASE_URL=self.start_postgres())
        except (BenchError, OSError, subprocess.SubprocessError) as error:
            self.errors["batch.postgres"] = str(error)

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

    def start_simulator(self, job_ms=0):
        process = self.spawn([self.build / "integration-sim", "--base-port", "0", "--as-of", "2018-09-01",
                              "--job-ms", str(job_ms), "--print-ports"],
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

    # ---- cycles ----

    @staticmethod
    def write_past_cycles(database):
        """What PAST_CYCLES cycles leave behind; most of it is what their stages asked and got."""
        stages = ("data_readiness", "macro_analysis", "portfolio_management", "strategy_analysis",
                  "strategy_validation", "signal_dispatch")
        text = json.dumps({"symbols": {f"S{n}": {"score": n / 100, "confidence": 0.5} for n in range(40)}})
        begun = time.time_ns() // 1000000 - PAST_CYCLES * 60000
        with sqlite3.connect(database) as store:
            for n in range(PAST_CYCLES):
                cycle_id, at = f"past-{n:06d}", begun + n * 60000
                store.execute(
                    "INSERT INTO cycles (cycle_id, status, trigger, request, created_at, start_time, end_time, success,"
                    " degraded, force, result) VALUES (?, 'completed', 'manual', '{}', ?, ?, ?, 1, 0, 0,"
                    """ '{"signals_produced":7}')""", (cycle_id, at, at, at + 9000))
                store.executemany(
                    "INSERT INTO cycle_stages (cycle_id, name, position, status, attempts, start_time, end_time, input,"
                    " output, summary) VALUES (?, ?, ?, 'completed', 1, ?, ?, ?, ?, '{}')",
                    [(cycle_id, name, i, at + i, at + i + 1, text, text) for i, name in enumerate(stages)])

    def page_ms(self, url, offset):
        """Median and worst but one of a hundred pages."""
        times = []
        for _ in range(100):
            begun = time.monotonic()
            page = get_json(f"{url}/api/v1/system/analysis/history?limit=20&offset={offset}")["data"]
            times.append((time.monotonic() - begun) * 1000)
            if len(page["history"]) != 20 or page["total"] < PAST_CYCLES:
                raise BenchError(f"a page of {len(page['history'])} of {page['total']} cycles")
        return {"p50_ms": round(statistics.median(times), 2), "p99_ms": round(sorted(times)[-2], 2)}

    def cycles_at_once(self, url):
        for _ in range(CYCLES_AT_ONCE):
            get_json(f"{url}/api/v1/system/analysis/trigger", {})
        begun, most = time.monotonic(), 0
        while True:
            history = get_json(f"{url}/api/v1/system/analysis/history?limit={CYCLES_AT_ONCE}")["data"]["history"]
            states = [cycle["status"] for cycle in history]
            most = max(most, states.count("running"))
            if not {"queued", "running"} & set(states):
                break
            if time.monotonic() - begun > 400:
                raise BenchError(f"cycles that do not end: {states}")
            time.sleep(0.1)
        durations = [cycle["duration"] for cycle in history]
        return {"in_flight": most, "missed": len(states) - states.count("completed"),
                "slowest_s": max(durations), "median_s": statistics.median(durations)}

    def cycles(self):
        data = self.directory / self.name("data")
        simulator = self.start_simulator(job_ms=2000)
        settings = dict(simulator, ANALYSIS_MAX_CONCURRENT=str(CYCLES_AT_ONCE))
        process, url, _ = self.start_service(data, **settings)
        self.wait_ready(process, url)
        stop(process)
        self.write_past_cycles(next(data.glob("*.db")))
        process, url, _ = self.start_service(data, **settings)
        self.wait_ready(process, url)
        pages = {offset: self.page_ms(url, offset) for offset in (0, PAST_CYCLES // 2)}
        at_once = self.cycles_at_once(url)
        self.figures["history_page_ms"] = max(page["p50_ms"] for page in pages.values())
        self.figures["cycles_at_once_missed"] = at_once["missed"]
        self.details["cycles"] = {"pages_by_offset": pages, "at_once": at_once}

    # ---- stream ----

    def stream_round(self, address, stream, batch):
        argv = [self.build / "bench-stream-bench", address, stream, str(STREAM_RATE), str(self.seconds), str(batch)]
        out = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
        if out["missing"]:
            raise BenchError(f"{out['missing']} signals did not arrive")
        return out

    def stream(self):
        """From the moment a POST is due to the arrival at a subscriber; of the rounds the median."""
        rounds = {1: [], 10: []}
        for number in range(self.rounds):
            print(f"  stream: round {number + 1} of {self.rounds}", file=sys.stderr)
            for batch in rounds:
                url = f"tcp://127.0.0.1:{free_port()}"
                process, rest, _ = self.start_service(INTEGRATION_STREAM_URL=url)
                self.wait_ready(process, rest)
                rounds[batch].append(self.stream_round(rest.removeprefix("http://"), url, batch))
                stop(process)
        for name in ("p50_ms", "p99_ms"):
            self.figures[f"stream_{name}"] = round(statistics.median(one["arrival"][name] for one in rounds[1]), 3)
        self.details["stream"] = {f"batch_{batch}": runs for batch, runs in rounds.items()}

    # ---- isolation ----

    def probe_load(self, url, services):
        """p99 in ms of status calls to each of the services, side by side; each is a fresh probe of the service."""
        running = [self.spawn(["wrk", "-t1", "-c2", f"-d{self.seconds}s", "--latency",
                               f"{url}/api/v1/services/{service}/status"], stdout=subprocess.PIPE, text=True)
                   for service in services]
        found = []
        for process in running:
            out = process.communicate(timeout=self.seconds + 30)[0]
            if process.returncode or "Non-2xx" in out or "Socket errors" in out:
                raise BenchError(f"wrk: {out}")
            value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", out).groups()
            found.append(float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit])
        return statistics.mean(found)

    @staticmethod
    def call_hung(url, until):
        while time.monotonic() < until:
            get_json(f"{url}/api/v1/services/macro/status", timeout=30)

    def isolation(self):
        """p99 of calls to three services while the fourth hangs and is called all the time, to that without."""
        if not shutil.which("wrk"):
            raise BenchError("the package wrk is missing")
        urls = self.start_simulator()
        faults = f"{urls['MACRO_SERVICE_URL']}/_sim/faults"
        process, url, _ = self.start_service(ADAPTER_TIMEOUT_MS="2000", **urls)
        self.wait_ready(process, url)
        others, rounds = SERVICES[1:], []
        self.probe_load(url, others)  # connections are open
        for number in range(self.rounds):
            print(f"  isolation: round {number + 1} of {self.rounds}", file=sys.stderr)
            alone = self.probe_load(url, others)
            for path in ("/health", "/api"):
                send_json("PUT", faults, {"path_prefix": path, "hang": True})
            get_json(f"{url}/api/v1/system/analysis/trigger", {"force": True})
            with concurrent.futures.ThreadPoolExecutor(8) as callers:
                until = time.monotonic() + self.seconds
                hung = [callers.submit(self.call_hung, url, until) for _ in range(8)]
                beside = self.probe_load(url, others)
                send_json("DELETE", faults)
                for caller in hung:
                    caller.result(60)
            rounds.append({"alone_ms": alone, "beside_ms": beside, "ratio": beside / alone})
        self.figures["isolation_p99_ratio"] = round(statistics.median(one["ratio"] for one in rounds), 2)
        self.details["isolation"] = {key: [round(one[key], 3) for one in rounds] for key in rounds[0]}

    # ---- scope ----

    def scope(self):
        """A signal's cost with a million active ones to that with a thousand; their memory; the rebuild at start."""
        lines = []
        for mode in ("index", "load"):
            out = subprocess.run([self.build / "bench-scope-bench", mode], check=True, capture_output=True, text=True,
                                 env={**os.environ, "TMPDIR": str(self.directory)}).stdout
            lines += [json.loads(line) for line in out.splitlines()]
        self.details["scope"] = {line["part"]: line for line in lines}
        parts = self.details["scope"]
        self.figures["scope_signal_ratio"] = parts["signal"]["ratio"]
        self.figures["scope_index_ratio"] = parts["ahead"]["ratio"]
        self.figures["scope_bytes"] = parts["memory"]["bytes"]
        self.figures["scope_load_s"] = parts["load"]["seconds"]

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
    for name in [name for name in bench.details if name.startswith("batch_")]:
        for one in bench.details[name]["rounds"]:
            threads = ", ".join(f"{thread} {us:.2f}" for thread, us in one["cpu_us"].items())
            print(f"{name:<24}{one['per_second']:>12}{one['p99_ms']:>10}   us a signal: {threads}")
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
    parser.add_argument("--rows", type=int, default=2000000, help="of the signal history; 10000000 is the target")
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

#!/usr/bin/python3
"""make run: the simulator and the service on this machine, one full analysis cycle, then serving until Ctrl-C.

usage: run-demo.py [--once]      --once ends after the cycle; exit status 0 when it completed

Every setting of the service may be set in the environment as usual. The demo's own:
  SIM_BASE_PORT   first of the four ports of the simulator (18080)
  SIM_AS_OF       the day on which its price history ends (2021-10-01)
  DATA            directory of the database and the logs (./data; as INTEGRATION_DATA_DIR)
"""
import ctypes
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
# The demo's today: a month in which the strategy passes its validation. Without it the history ends in May 2022,
# after a year that the strategy lost in, so the validation fails and nothing is dispatched.
AS_OF = os.environ.get("SIM_AS_OF", "2021-10-01")
SIMULATED = ["macro", "portfolio", "execution", "flowhub"]  # in the order of the simulator's ports
READY_SECONDS = 30
CYCLE_SECONDS = 330
STOP_SECONDS = 15
ENDED = {"completed", "failed", "cancelled", "timeout"}
PR_SET_PDEATHSIG = 1


class DemoError(Exception):
    pass


def settings():
    env = dict(os.environ)
    base = int(env.pop("SIM_BASE_PORT", "18080"))
    data = env.pop("DATA", None)
    env.setdefault("INTEGRATION_DATA_DIR", data or str(ROOT / "data"))
    env.setdefault("INTEGRATION_HOST", "127.0.0.1")
    env.setdefault("INTEGRATION_PORT", "8088")
    env.setdefault("INTEGRATION_STREAM_URL", "tcp://127.0.0.1:5556")
    env.setdefault("INTEGRATION_REPLAY_URL", "tcp://127.0.0.1:5557")
    for offset, name in enumerate(SIMULATED):
        env.setdefault(f"{name.upper()}_SERVICE_URL", f"http://127.0.0.1:{base + offset}")
    return env, base


def wanted_ports(env, base):
    """(address, port, what it is for, the setting that moves it)"""
    for offset, name in enumerate(SIMULATED):
        yield "127.0.0.1", base + offset, f"simulated {name}", "SIM_BASE_PORT"
    yield env["INTEGRATION_HOST"], int(env["INTEGRATION_PORT"]), "REST", "INTEGRATION_PORT"
    for key, use in (("INTEGRATION_STREAM_URL", "signal stream"), ("INTEGRATION_REPLAY_URL", "replay")):
        match = re.fullmatch(r"tcp://([^:/]+):(\d+)", env[key])
        if match:
            yield match[1], int(match[2]), use, key


def check_ports(env, base):
    problems = []
    for address, port, use, setting in wanted_ports(env, base):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                problems.append(f"port {port} ({use}) cannot be taken: {error.strerror}. Set {setting} to another.")
    if problems:
        raise DemoError("\n".join(problems))


class Program:
    """A child whose output goes to a log. It gets its signals from us alone, and SIGTERM should we die."""

    def __init__(self, name, arguments, env, logs):
        self.name, self.log = name, logs / f"{name}.log"
        binary = BUILD / name
        if not binary.exists():
            raise DemoError(f"{binary} is missing: run `make build`")
        libc = ctypes.CDLL(None)
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen([str(binary), *arguments], env=env, cwd=ROOT, stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                                            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM))

    def tail(self, lines=15):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def check_alive(self):
        if self.process.poll() is not None:
            raise DemoError(f"{self.name} ended with status {self.process.returncode}; its last words:\n{self.tail()}")

    def wait_ready(self):
        deadline = time.monotonic() + READY_SECONDS
        while not re.search(r"\bready\b", self.log.read_text(errors="replace")):
            self.check_alive()
            if time.monotonic() > deadline:
                raise DemoError(f"{self.name} did not get ready within {READY_SECONDS} s; its last words:\n{self.tail()}")
            time.sleep(0.02)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


class Api:
    def __init__(self, env):
        host = env["INTEGRATION_HOST"]
        self.root = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{env['INTEGRATION_PORT']}"

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data is not None else {}
        request = urllib.request.Request(self.root + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            raise DemoError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error
        except (OSError, ValueError, KeyError) as error:
            raise DemoError(f"{method} {path}: {error}") from error


def short(value, width=96):
    """What came back from a stage, on one line."""
    if isinstance(value, dict):
        text = ", ".join(f"{key} {short(item, 40)}" for key, item in value.items())
    elif isinstance(value, list):
        text = "[" + ", ".join(short(item, 24) for item in value) + "]"
    elif isinstance(value, float):
        text = f"{value:.4g}"
    else:
        text = str(value)
    return text if len(text) <= width else text[:width - 1] + "…"


def show_stage(stage, since):
    status = stage["status"]
    line = f"  {time.monotonic() - since:7.2f} s  {stage['name']:<22} {status:<10}"
    if status in ENDED | {"skipped"} and stage.get("duration") is not None:
        line += f" {stage['duration']:7.3f} s"
    if stage.get("attempts", 0) > 1:
        line += f"  attempt {stage['attempts']}"
    if stage.get("error"):
        line += f"  {stage['error']}"
    elif stage.get("summary") and status != "running":
        line += f"  {short(stage['summary'])}"
    print(line, flush=True)


def follow_cycle(api, programs):
    started = api.call("POST", "/api/v1/system/analysis/trigger", {})
    cycle_id = started["cycle_id"]
    print(f"\nAnalysis cycle {cycle_id}")
    since, shown = time.monotonic(), {}
    while True:
        cycle = api.call("GET", f"/api/v1/system/analysis/{cycle_id}")
        for stage in cycle.get("stages", []):
            state = (stage["status"], stage.get("attempts"))
            if stage["status"] != "pending" and shown.get(stage["name"]) != state:
                shown[stage["name"]] = state
                show_stage(stage, since)
        if cycle["status"] in ENDED:
            return cycle
        for program in programs:
            program.check_alive()
        if time.monotonic() - since > CYCLE_SECONDS:
            raise DemoError(f"the cycle is still {cycle['status']} after {CYCLE_SECONDS} s")
        time.sleep(0.1)


def show_outcome(cycle):
    line = f"  cycle {cycle['status']} in {cycle.get('duration') or 0:.3f} s"
    if cycle.get("overhead_ms") is not None:
        line += f", of which {cycle['overhead_ms']:.1f} ms are ours"
    if cycle.get("degraded"):
        line += ", degraded"
    if cycle.get("error"):
        line += f": {cycle['error']}"
    print(line)


def cell(value):
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def show_signals(api, cycle_id):
    history = api.call("GET", "/api/v1/signals/history?limit=200")["history"]
    mine = [signal_ for signal_ in history if (signal_.get("metadata") or {}).get("cycle_id") == cycle_id]
    if not mine:
        print("\nThe cycle dispatched no signals.")
        return
    columns = ["seq", "symbol", "side", "signal_type", "target", "strength", "confidence", "priority", "status"]
    rows = [columns] + [[cell(signal_.get(column)) for column in columns] for signal_ in reversed(mine)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(columns))]
    print(f"\nSignals ({len(mine)})")
    for row in rows:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())


def show_urls(api, env, cycle_id):
    print("\nTo look at:")
    for path in ("/docs", "/health", "/status", f"/api/v1/system/analysis/{cycle_id}",
                 "/api/v1/signals/history", "/api/v1/services", "/metrics"):
        print(f"  {api.root}{path}")
    print(f"  signal stream   {env['INTEGRATION_STREAM_URL']}   (build/integration-cli tail)")
    print(f"  logs            {os.path.relpath(pathlib.Path(env['INTEGRATION_DATA_DIR']) / 'logs')}", flush=True)


def serve(programs):
    print("\nServing. Ctrl-C stops everything.", flush=True)
    while True:
        for program in programs:
            program.check_alive()
        time.sleep(0.5)


def stop_all(programs):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    clean = True
    for program in reversed(programs):
        status = program.stop()
        if status != 0:
            clean = False
            print(f"{program.name} ended with status {status}; see {program.log}")
    return clean


def demo(programs, once):
    env, base = settings()
    check_ports(env, base)
    logs = pathlib.Path(env["INTEGRATION_DATA_DIR"]) / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    programs.append(Program("integration-sim", ["--base-port", str(base), "--as-of", AS_OF], env, logs))
    programs[-1].wait_ready()
    print(f"integration-sim      ready on 127.0.0.1:{base}-{base + len(SIMULATED) - 1}, real prices up to {AS_OF}",
          flush=True)
    programs.append(Program("integration-service", [], env, logs))
    programs[-1].wait_ready()
    api = Api(env)
    print(f"integration-service  ready on {api.root} ({time.monotonic() - started:.2f} s from the start)", flush=True)
    cycle = follow_cycle(api, programs)
    show_outcome(cycle)
    show_signals(api, cycle["cycle_id"])
    show_urls(api, env, cycle["cycle_id"])
    if not once:
        serve(programs)
    return cycle["status"] == "completed"


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, interrupt)
    programs, good = [], False
    try:
        good = demo(programs, "--once" in sys.argv[1:])
    except KeyboardInterrupt:
        good = True
        print("\nStopping.", flush=True)
    except DemoError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
    clean = stop_all(programs)
    sys.exit(0 if good and clean else 1)


main()

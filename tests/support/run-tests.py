#!/usr/bin/python3
"""Runs the suites that a build tree registers with ctest, and demands that the sanitizers had nothing to say.

usage: run-tests.py --build DIR [--label unit|actor|e2e|contract]... [--match REGEX] [--jobs N]
                    [--check NAME=COMMAND]...

One line a suite, failures in full, and as the last line "N passed, N failed": the single tests of all suites.
A check (lint, format) that fails counts as one failed test. Exit status 0 only when something ran and nothing
failed.

A leak that is found in one of criterion's forks does not fail the test, and a service that a test started may
report after the test has looked. So every sanitizer writes into a directory of the suite, and any report there
fails the suite. The programs in tests/unit/meta have defects on purpose: a run begins by proving that each of
them leaves a report.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LABELS = ["contract", "unit", "actor", "e2e"]
# Test in tests/unit/meta, what its report must hold.
NETS = {
    "address": [("a_leak_is_reported", "LeakSanitizer: detected memory leaks"),
                ("a_use_after_free_is_reported", "heap-use-after-free"),
                ("an_overflow_is_reported", "signed integer overflow")],
    "thread": [("a_race_is_reported", "data race"), ("a_race_of_actors_is_reported", "data race")],
    "": [],
}
TSAN_SLOWDOWN = 3
# Of a tree that has not run yet: those that decide how long a run takes, were one of them begun last.
LONG = ["e2e-crash", "e2e-stream-clients", "e2e-cycle-kill", "e2e-cycle", "e2e-faults", "e2e-stream-curve",
        "e2e-store-down", "e2e-system", "e2e-cycle-control", "actor-coordinator-control", "actor-signals-resolve",
        "actor-signals-conflict", "actor-delivery", "actor-coordinator-cycle", "actor-store-write",
        "actor-services-adapter", "actor-dataflow-readiness", "actor-store-retention", "actor-validation",
        "unit-sim", "unit-signals", "unit-base"]
OUTPUT_LOCK = threading.Lock()


class Result:
    def __init__(self, name, passed=0, failed=0, text="", seconds=0.0):
        self.name, self.passed, self.failed, self.text, self.seconds = name, passed, failed, text, seconds

    def show(self):
        verdict = "FAIL" if self.failed else "ok"
        count = f"{self.passed} passed" + (f", {self.failed} failed" if self.failed else "")
        with OUTPUT_LOCK:
            print(f"{verdict:<5} {self.name:<32} {count:<22} {self.seconds:6.1f} s", flush=True)
            if self.failed:
                print(self.text.rstrip() + "\n", flush=True)


class Tree:
    """A build tree: which sanitizer it has, where reports go, which suites it registers."""

    def __init__(self, build):
        self.build = build.resolve()
        cache = (self.build / "CMakeCache.txt").read_text()
        match = re.search(r"^INTEGRATION_SANITIZE:\w+=(\w*)$", cache, re.M)
        self.sanitizer = match[1] if match else ""
        self.out = self.build / "test-output"
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()

    def suites(self):
        listing = subprocess.run(["ctest", "--show-only=json-v1"], cwd=self.build, capture_output=True, text=True, check=True)
        for test in json.loads(listing.stdout)["tests"]:
            properties = {item["name"]: item["value"] for item in test["properties"]}
            yield {
                "name": test["name"],
                "command": test.get("command", [test["name"]]),  # no command: the program is not built
                "label": properties.get("LABELS", [""])[0],
                "timeout": float(properties.get("TIMEOUT", 120)) * (TSAN_SLOWDOWN if self.sanitizer == "thread" else 1),
                "env": dict(item.split("=", 1) for item in properties.get("ENVIRONMENT", [])),
            }

    def reports(self, name):
        """The directory of a suite. Servers that a test starts under another user write there too."""
        path = self.out / name / "reports"
        path.mkdir(parents=True)
        path.chmod(0o1777)
        return path

    def environment(self, reports):
        support = ROOT / "tests/support"
        options = {
            "ASAN_OPTIONS": f"detect_leaks=1:strict_string_checks=1:log_path={reports}/asan",
            "UBSAN_OPTIONS": f"halt_on_error=1:print_stacktrace=1:log_path={reports}/ubsan",
            "TSAN_OPTIONS": f"second_deadlock_stack=1:die_after_fork=0:suppressions={support}/tsan.supp:log_path={reports}/tsan",
        }
        leaks = support / "lsan.supp"
        options["LSAN_OPTIONS"] = "print_suppressions=0" + (f":suppressions={leaks}" if leaks.exists() else "")
        return {**os.environ, **options}


def processes_marked(mark):
    """The living processes that carry the mark of a suite in their environment, whatever group they are in."""
    found = []
    for environ in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in environ.read_bytes().split(b"\0"):
                found.append((int(environ.parent.name), (environ.parent / "comm").read_text().strip()))
        except OSError:
            continue
    return found


def wait_for_exit(processes, seconds):
    """Gives processes that are on their way out the time to get there."""
    deadline = time.monotonic() + seconds
    for pid, _ in processes:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        os.close(descriptor)


def end_marked(mark, patience):
    """What a suite left running is ended, and named."""
    wait_for_exit(processes_marked(mark), patience)
    left = processes_marked(mark)
    for pid, _ in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return [f"{name} ({pid})" for pid, name in left]


def run_command(command, env, log, timeout):
    """Gives the exit status (None: timed out) and what was left running, now ended."""
    mark = f"TEST_SUITE_RUN={os.getpid()}.{time.monotonic_ns()}"
    env = {**env, **dict([mark.split("=")])}
    with open(log, "wb") as file:
        try:
            process = subprocess.Popen(command, env=env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file,
                                       stderr=subprocess.STDOUT, start_new_session=True)
        except OSError as error:
            file.write(f"{command[0]}: {error.strerror}: is it built?\n".encode())
            return 127, []
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            status = None
    return status, end_marked(mark.encode(), patience=0.0 if status is None else 2.0)


def criterion_counts(path):
    """Criterion does not escape what a failed assertion says, so its report may be no JSON: the totals come first."""
    try:
        report = path.read_text(errors="replace")
    except OSError:
        return None
    # "failed" includes those that crashed or timed out ("errored").
    totals = [re.search(rf'"{name}": *(\d+)', report) for name in ("passed", "failed")]
    return tuple(int(total[1]) for total in totals) if all(totals) else None


def read_reports(reports):
    return [f"--- {path.name}\n{path.read_text(errors='replace')}"
            for path in sorted(reports.iterdir()) if path.stat().st_size > 0]


def run_suite(tree, suite):
    reports = tree.reports(suite["name"])
    directory = reports.parent
    is_criterion = suite["label"] != "contract"
    counts_file = directory / "criterion.json"
    command = suite["command"] + (["--json=" + str(counts_file), "-j1"] if is_criterion else [])
    started = time.monotonic()
    status, left = run_command(command, {**tree.environment(reports), **suite["env"]}, directory / "output", suite["timeout"])
    seconds = time.monotonic() - started

    notes = []
    if is_criterion:
        counts = criterion_counts(counts_file)
        passed, failed = counts or (0, 0)
        if counts is None:
            notes.append("the suite ended before it could report")
        elif passed + failed == 0:
            notes.append("the suite holds no test that ran")
    else:
        passed, failed = (1, 0) if status == 0 else (0, 1)
    if status is None:
        notes.append(f"killed after {suite['timeout']:.0f} s")
    elif status != 0 and failed == 0 and not notes:
        notes.append(f"exit status {status}")
    if left and status is not None:
        notes.append("processes left running: " + ", ".join(left))
    found = read_reports(reports)
    if found:
        notes.append(f"{len(found)} sanitizer report(s):\n" + "\n".join(found))
    failed += len(notes)
    text = (directory / "output").read_text(errors="replace") + "".join(f"\n{note}" for note in notes) if failed else ""
    return Result(suite["name"], passed, failed, text, seconds)


def run_nets(tree):
    program = tree.build / "tests/unit-meta"
    for test, expected in NETS[tree.sanitizer]:
        reports = tree.reports(f"net-{test}")
        started = time.monotonic()
        run_command([str(program), "--filter", f"net/{test}"], tree.environment(reports), reports.parent / "output", 60)
        found = "".join(read_reports(reports))
        result = Result(f"net: {test}", seconds=time.monotonic() - started)
        if expected in found:
            result.passed = 1
        else:
            result.failed = 1
            output = (reports.parent / "output").read_text(errors="replace")
            result.text = f"a deliberate defect left no report with '{expected}': the run would miss real ones\n{found}{output}"
        yield result


def run_check(tree, name, command):
    started = time.monotonic()
    status, _ = run_command(["nice", *shlex.split(command)], dict(os.environ), tree.out / f"check-{name}", 1800)
    text = (tree.out / f"check-{name}").read_text(errors="replace")
    seconds = time.monotonic() - started
    with OUTPUT_LOCK:
        print(f"{'ok' if status == 0 else 'FAIL':<5} {name:<32} {'':<22} {seconds:6.1f} s", flush=True)
        if status != 0:
            print(text.rstrip() + "\n", flush=True)
    return 0 if status == 0 else 1


def chosen_suites(tree, options):
    suites = [suite for suite in tree.suites()
              if (not options.label or suite["label"] in options.label)
              and (not options.match or re.search(options.match, suite["name"]))]
    # Labels in order; within a label the suites that took longest last time first.
    times = {**{name: float(len(LONG) - at) for at, name in enumerate(LONG)}, **load_times(tree)}
    suites.sort(key=lambda suite: (LABELS.index(suite["label"]) if suite["label"] in LABELS else len(LABELS),
                                   -times.get(suite["name"], 0.0), suite["name"]))
    return suites


def load_times(tree):
    """Seconds a suite, as measured last."""
    try:
        return json.loads((tree.build / "test-times.json").read_text())
    except (OSError, ValueError):
        return {}


def save_times(tree, results):
    times = {**load_times(tree), **{result.name: round(result.seconds, 2) for result in results}}
    (tree.build / "test-times.json").write_text(json.dumps(times, indent=1, sort_keys=True))


def parse_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--label", action="append", choices=LABELS)
    parser.add_argument("--match")
    # More than cores: many suites wait for timers, disks and processes that start.
    parser.add_argument("--jobs", type=int, default=(os.cpu_count() or 2) + 1)
    parser.add_argument("--check", action="append", default=[])
    return parser.parse_args()


def run_checks(tree, checks):
    return sum(run_check(tree, *check.split("=", 1)) for check in checks)


def main():
    options = parse_options()
    tree = Tree(options.build)
    results = []

    def run_and_show(suite):
        result = run_suite(tree, suite)
        result.show()
        return result

    with concurrent.futures.ThreadPoolExecutor(1) as aside, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        # The checks take the time that the suites wait.
        failed_checks = aside.submit(run_checks, tree, options.check)
        if not options.match:
            for result in run_nets(tree):
                result.show()
                results.append(result)
        suites = list(pool.map(run_and_show, chosen_suites(tree, options)))
    save_times(tree, suites)
    results += suites
    passed = sum(result.passed for result in results)
    failed = sum(result.failed for result in results) + failed_checks.result()
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(0 if failed == 0 and sum(result.passed for result in suites) > 0 else 1)


main()

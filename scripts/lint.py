#!/usr/bin/python3
"""make lint: clang-tidy over src, gateway and deploy/sim, and the house rules that need no compiler.

usage: lint.py [--build DIR] [--jobs N] [FILE...]

clang-tidy's verdict on a file is kept in DIR/lint-cache under a hash of everything it depends on (the file,
the project headers it includes, the compile command, .clang-tidy), so an unchanged file costs nothing.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY_DIRS = ("src/", "gateway/", "deploy/sim/")
MAX_LINES = 600
CODE = {".c", ".h", ".py", ".sh"}

# Written so that this file does not match itself.
FORBIDDEN = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE_PATH = re.compile(r"(?<![\w.])/(wor" r"k|ho" r"me|ro" r"ot)/|/tm" r"p/b-")
TEST_SLEEP = re.compile(r"\b(u|nano|clock_nano|zclock_|time\.)?sle" r"ep ?\(")
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.M)


def source_files():
    out = subprocess.run([ROOT / "scripts/source-files.sh"], capture_output=True, text=True, check=True).stdout
    return out.splitlines()


def is_text(name):
    path = pathlib.PurePath(name)
    return path.suffix in CODE | {".proto", ".options", ".def", ".sql", ".md", ".yml", ".yaml", ".cmake", ".html", ".js", ".css"} \
        or path.name in ("Makefile", "CMakeLists.txt", "Dockerfile", "run")


def house_rules(files):
    problems = []
    for name in files:
        if not is_text(name):
            continue
        lines = (ROOT / name).read_text(encoding="utf-8", errors="replace").splitlines()
        suffix = pathlib.PurePath(name).suffix
        if suffix in CODE and len(lines) > MAX_LINES:
            problems.append(f"{name}: {len(lines)} lines, more than {MAX_LINES}")
        for number, line in enumerate(lines, 1):
            if FORBIDDEN.search(line):
                problems.append(f"{name}:{number}: unfinished work does not belong in a comment: {line.strip()}")
            if MACHINE_PATH.search(line):
                problems.append(f"{name}:{number}: a path of one machine: {line.strip()}")
            # a bench measures for a time, and the runner paces itself: neither is a test
            is_test = name.startswith("tests/") and not name.startswith(("tests/support/", "tests/bench/"))
            if is_test and suffix in (".c", ".h", ".py") and TEST_SLEEP.search(line):
                problems.append(f"{name}:{number}: tests wait for a message or a condition: {line.strip()}")
    return problems


class Includes:
    """The project files that a file includes, directly or not."""

    def __init__(self, directories):
        self.directories = directories
        self.direct = {}

    def find(self, base, name):
        for directory in [base, *self.directories]:
            candidate = os.path.normpath(os.path.join(directory, name))
            if os.path.isfile(candidate):
                return candidate
        return None

    def of(self, path):
        if path not in self.direct:
            with open(path, "rb") as file:
                data = file.read()
            found = {self.find(os.path.dirname(path), match.decode()) for match in INCLUDE.findall(data)}
            self.direct[path] = (hashlib.sha256(data).hexdigest(), sorted(found - {None}))
        return self.direct[path]

    def hashes(self, path):
        seen, waiting = {}, [path]
        while waiting:
            at = waiting.pop()
            if at not in seen:
                seen[at], includes = self.of(at)
                waiting.extend(includes)
        return sorted(seen.items())


def include_directories(command):
    words, found = shlex.split(command), []
    for at, word in enumerate(words):
        if word in ("-I", "-isystem"):
            found.append(words[at + 1])
        elif word.startswith("-I"):
            found.append(word[2:])
    return tuple(path for path in found if not path.startswith("/usr"))


def tidy_jobs(build, files, cache):
    entries = {os.path.relpath(entry["file"], ROOT): entry["command"]
               for entry in json.loads((build / "compile_commands.json").read_text())}
    config = (ROOT / ".clang-tidy").read_text()
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, text=True, check=True).stdout
    by_directories = {}
    for name in files:
        if not name.endswith(".c") or not name.startswith(TIDY_DIRS):
            continue
        if name not in entries:
            yield name, None
            continue
        directories = include_directories(entries[name])
        includes = by_directories.setdefault(directories, Includes(directories))
        key = json.dumps([config, version, entries[name], includes.hashes(str(ROOT / name))])
        yield name, cache / hashlib.sha256(key.encode()).hexdigest()


def run_tidy(build, name, stamp):
    result = subprocess.run(["clang-tidy", "--quiet", "-p", str(build), "--extra-arg=-Wno-unknown-warning-option",
                             str(ROOT / name)], capture_output=True, text=True)
    if result.returncode == 0:
        stamp.touch()
        return ""
    return result.stdout or result.stderr


def tidy(build, files, jobs):
    cache = build / "lint-cache"
    cache.mkdir(exist_ok=True)
    problems, waiting = [], []
    for name, stamp in tidy_jobs(build, files, cache):
        if stamp is None:
            problems.append(f"{name}: no compile command: is it in the build?")
        elif not stamp.exists():
            waiting.append((name, stamp))
    # The largest first: the last one to end decides how long it takes.
    waiting.sort(key=lambda job: -(ROOT / job[0]).stat().st_size)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        outputs = pool.map(lambda job: run_tidy(build, *job), waiting)
        problems += [output.strip() for output in outputs if output]
    return problems, len(waiting)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    files = options.files or source_files()
    problems = house_rules(files)
    found, looked_at = tidy(options.build.resolve(), files, options.jobs)
    problems += found
    for problem in problems:
        print(problem)
    if problems:
        sys.exit(f"lint: {len(problems)} problem(s)")
    print(f"lint: clean ({len(files)} files, clang-tidy on {looked_at} that changed)")


main()

"""The programs that a bench run starts on free ports of loopback, and ends: service, PostgreSQL, bare handler."""
import glob
import json
import os
import pathlib
import pwd
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

READY_SECONDS = 30
STOP_SECONDS = 20
SERVICES = ("macro", "portfolio", "execution", "flowhub")


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


def send_json(method, url, body=None, timeout=90):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"} if data else {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise BenchError(f"{url}: {error.code} {error.read().decode(errors='replace')}") from error


def get_json(url, body=None, timeout=90):
    return send_json("GET" if body is None else "POST", url, body, timeout)

class Programs:
    def __init__(self, options, directory):
        self.build = pathlib.Path(options.build)
        self.rounds, self.seconds, self.rows = options.rounds, options.seconds, options.rows
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
        home = self.directory / self.name("postgres")
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

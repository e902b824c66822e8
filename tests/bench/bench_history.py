"""The part `history` of a bench run: pages of a long signal history on both engines."""
import glob
import shutil
import sqlite3
import statistics
import subprocess
import time

from bench_programs import BenchError, Programs, get_json, stop

HISTORY_SYMBOLS = 1000
HISTORY_STEP_MS = 100  # between one signal and the next


class History(Programs):
    def past_signals(self, numbers, text):
        """The script that writes a history of signals as the service would have; `numbers` yields n from 1 on."""
        rows = self.rows
        self.past_ms = time.time_ns() // 1000000 - rows * HISTORY_STEP_MS
        at = f"{self.past_ms} + n * {HISTORY_STEP_MS}"
        return [
            f"""INSERT INTO signals (seq, signal_id, signal_type, source, target, symbol, side, strength, confidence,
            priority, timestamp, expiry_time, data, metadata, status, decision, routing_id, body_hash, received_at,
            updated_at)
            SELECT n, 'past-' || {text('n')}, 'analysis', 'source' || {text('n % 4')}, 'portfolio',
            'S' || {text(f'n * 7919 % {HISTORY_SYMBOLS}')}, CASE WHEN n % 2 = 0 THEN 'buy' ELSE 'sell' END, 0.5, 0.5,
            3, {at}, {at} + 60000, '{{"model":"past","horizon_days":5}}', '{{}}',
            CASE WHEN n % 10 = 0 THEN 'rejected' ELSE 'expired' END,
            '{{"strategy":"none","rule_version":"1","reasons":["there is no rival in its scope"]}}',
            'routing-' || {text('n')}, n, {at}, {at} FROM {numbers}""",
            f"""INSERT INTO seq_blocks (block, began_at) SELECT n / 4096, MIN({at}) FROM {numbers} GROUP BY n / 4096
            ON CONFLICT DO NOTHING""",
            f"UPDATE counters SET value = {rows} WHERE name IN ('seq', 'topics_seq', 'signal_minutes_seq',"
            " 'signals_total')",
        ]

    def write_past_signals_sqlite(self, database):
        numbers = ("(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < "
                   f"{self.rows}) SELECT n FROM c)")
        with sqlite3.connect(database, isolation_level=None) as store:
            store.execute("PRAGMA synchronous = OFF")
            for statement in self.past_signals(numbers, lambda number: f"({number})"):
                store.execute(statement)

    def write_past_signals_postgres(self, url):
        psql = sorted(glob.glob("/usr/lib/postgresql/*/bin/psql"))[-1]
        numbers = f"(SELECT CAST (g AS BIGINT) AS n FROM generate_series(1, {self.rows}) AS g) AS numbers"
        script = self.past_signals(numbers, lambda number: f"CAST ({number} AS TEXT)")
        lines = ";\n".join(["SET search_path TO integration", *script, "VACUUM ANALYZE;"])  # as autovacuum does
        subprocess.run([psql, "-q", "-v", "ON_ERROR_STOP=1", url], input=lines, text=True, check=True,
                       stdout=subprocess.DEVNULL)

    def signal_pages(self, url, make_query, count=100):
        """Median, 99th percentile and first of pages asked one after the other."""
        times = []
        for number in range(count):
            query = make_query(number)
            begun = time.monotonic()
            page = get_json(f"{url}/api/v1/signals/history?limit=20&{query}")["data"]
            times.append((time.monotonic() - begun) * 1000)
            if len(page["history"]) != 20:
                raise BenchError(f"{query}: a page of {len(page['history'])} of {page['total']} signals")
        return {"p50_ms": round(statistics.median(times), 2), "p99_ms": round(sorted(times)[-2], 2),
                "first_ms": round(times[0], 2)}

    def deep_cursors(self, url):
        """Pages by cursor, beginning in the middle of all."""
        found = {"cursor": f"d{self.rows // 2:016x}{self.rows:016x}"}  # as the service would write it

        def query(number):
            if number:
                page = get_json(f"{url}/api/v1/signals/history?limit=20&cursor={found['cursor']}")["data"]
                found["cursor"] = page["next_cursor"]
            return f"cursor={found['cursor']}"
        return self.signal_pages(url, query)

    def first_by_source(self, url):
        """No index helps: it is counted for as long as a request may take, and further on the next one."""
        begun, tries = time.monotonic(), 0
        while True:
            tries += 1
            try:
                get_json(f"{url}/api/v1/signals/history?limit=20&source=source2")
                return {"tries": tries, "seconds": round(time.monotonic() - begun, 2)}
            except BenchError:
                if time.monotonic() - begun > 120:
                    raise

    def history_of(self, url):
        total = get_json(f"{url}/api/v1/signals/history?limit=1")["data"]["total"]
        if total != self.rows:
            raise BenchError(f"a history of {total} signals")
        begun, span = self.past_ms / 1000, self.rows * HISTORY_STEP_MS / 200000

        def by_time(number):
            return f"from={begun + number * span:.0f}&to={begun + (number + 1) * span:.0f}"
        return {
            "by_source_first": self.first_by_source(url),
            "by_source": self.signal_pages(url, lambda _: "source=source2"),
            "newest": self.signal_pages(url, lambda _: ""),
            "by_symbol": self.signal_pages(url, lambda number: f"symbol=S{number * 7 % HISTORY_SYMBOLS}"),
            "by_cursor": self.deep_cursors(url),
            "by_symbol_again": self.signal_pages(url, lambda number: f"symbol=S{number * 7 % HISTORY_SYMBOLS}"),
            "by_time": self.signal_pages(url, by_time),
        }

    def history_on(self, name, fill, **settings):
        data = self.directory / self.name("data")
        process, url, _ = self.start_service(data, **settings)
        self.wait_ready(process, url)
        stop(process)
        begun = time.monotonic()
        fill(data)
        filled = time.monotonic() - begun
        process, url, ready = self.start_service(data, **settings)
        self.wait_ready(process, url)
        pages = self.history_of(url)
        stop(process)
        shutil.rmtree(data, ignore_errors=True)  # there is none beside a server
        self.details[f"history_{name}"] = {"rows": self.rows, "fill_s": round(filled, 1), "ready_s": round(ready, 3),
                                           "pages": pages}
        self.figures[f"signals_page_{name}_ms"] = max(pages[key]["p50_ms"] for key in ("by_symbol", "by_cursor"))

    def history(self):
        """Pages of the signal history: newest, by symbol, deep by cursor, by time."""
        self.history_on("sqlite", lambda data: self.write_past_signals_sqlite(next(data.glob("*.db"))))
        try:
            url = self.start_postgres()
            self.history_on("postgres", lambda _: self.write_past_signals_postgres(url), DATABASE_URL=url)
        except (BenchError, OSError, subprocess.SubprocessError) as error:
            self.errors["history.postgres"] = str(error)

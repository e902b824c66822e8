#!/usr/bin/python3
"""Turns src/store/migrations/NNNN_name[.postgres|.sqlite].sql into migrations.gen.c and .h.

usage: embed-migrations.py MIGRATIONS_DIR OUT_DIR
Refuses file names that do not fit, a version twice for one engine, and gaps in the numbering.
"""
import pathlib
import re
import sys

NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)(?:\.(postgres|sqlite))?\.sql$")

HEADER = """/* Generated from src/store/migrations: the schema steps, in order of version. */
#ifndef MIGRATIONS_GEN_H
#define MIGRATIONS_GEN_H
#include <stddef.h>

typedef struct {
    int version;
    const char *engine; /* "" for both, else "postgres" or "sqlite" */
    const char *name;
    const char *sql;
} migration_t;

extern const migration_t migrations_all[];
extern const size_t migrations_count;

#endif
"""


def c_string(text):
    lines = text.splitlines(keepends=True) or [""]
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("?", "\\?")
               for line in lines)
    return "\n     ".join(f'"{line}"' for line in escaped)


def load(directory):
    found, problems, engines = [], [], {}
    for path in sorted(directory.glob("*.sql")):
        match = NAME.match(path.name)
        if not match:
            problems.append(f"{path.name}: expected NNNN_name[.postgres|.sqlite].sql")
            continue
        version, engine = int(match[1]), match[3] or ""
        seen = engines.setdefault(version, set())
        if engine in seen or (seen and "" in seen | {engine}):
            problems.append(f"{path.name}: version {version} is there twice for one engine")
        seen.add(engine)
        found.append((version, engine, match[2], path.read_text(encoding="utf-8")))
    for expected, version in enumerate(sorted(engines), start=1):
        if version != expected:
            problems.append(f"version {expected:04d} is missing before {version:04d}")
            break
    return sorted(found), problems


def write_if_changed(path, text):
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def main():
    directory, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    found, problems = load(directory)
    if problems:
        sys.exit("\n".join(f"migrations: {problem}" for problem in problems))
    rows = "".join(f'    {{{version}, "{engine}", "{name}",\n     {c_string(sql)}}},\n'
                   for version, engine, name, sql in found)
    source = ('/* Generated from src/store/migrations. */\n#include "migrations.gen.h"\n\n'
              f'const migration_t migrations_all[] = {{\n{rows}    {{0, NULL, NULL, NULL}},\n}};\n'
              f'const size_t migrations_count = {len(found)};\n')
    write_if_changed(out / "migrations.gen.h", HEADER)
    write_if_changed(out / "migrations.gen.c", source)


main()

#!/usr/bin/python3
"""Turns the files under gateway/assets into assets.gen.c and .h.

usage: embed-assets.py ASSETS_DIR OUT_DIR
An asset's name is its path below the directory ("docs.html", "console/app.js").
"""
import pathlib
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}

HEADER = """/* Generated from gateway/assets: files that are served from the binary itself. */
#ifndef ASSETS_GEN_H
#define ASSETS_GEN_H
#include <stddef.h>

typedef struct {
    const char *name; /* path below gateway/assets */
    const char *content_type;
    const unsigned char *bytes; /* followed by a 0 that length does not count */
    size_t length;
} asset_t;

extern const asset_t assets_all[];
extern const size_t assets_count;

#endif
"""


def c_bytes(data):
    data += b"\0"
    return "\n".join("    " + ",".join(str(byte) for byte in data[at:at + 32]) + "," for at in range(0, len(data), 32))


def write_if_changed(path, text):
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def main():
    directory, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    files = sorted(path for path in directory.rglob("*") if path.is_file()) if directory.is_dir() else []
    arrays, rows = [], []
    for index, path in enumerate(files):
        if path.suffix not in TYPES:
            sys.exit(f"assets: {path.name}: no content type is known for '{path.suffix}', add it to {sys.argv[0]}")
        data = path.read_bytes()
        arrays.append(f"static const unsigned char s_asset_{index}[] = {{\n{c_bytes(data)}\n}};\n")
        rows.append(f'    {{"{path.relative_to(directory).as_posix()}", "{TYPES[path.suffix]}", s_asset_{index}, {len(data)}}},\n')
    source = ('/* Generated from gateway/assets. */\n#include "assets.gen.h"\n\n' + "".join(arrays) +
              f'\nconst asset_t assets_all[] = {{\n{"".join(rows)}    {{NULL, NULL, NULL, 0}},\n}};\n'
              f'const size_t assets_count = {len(files)};\n')
    write_if_changed(out / "assets.gen.h", HEADER)
    write_if_changed(out / "assets.gen.c", source)


main()

#!/usr/bin/python3
"""Every route has a comment, a scope and a handler, or is declared as not built yet.

Routes that are not built yet are listed in not_implemented.txt, one `METHOD path` a line. The list may only shrink:
building a route means taking its mark out of the .proto and its line out of the list.
"""
import json
import os
import pathlib
import re
import sys

SOURCE = pathlib.Path(os.environ["TEST_SOURCE_DIR"])
GENERATED = pathlib.Path(os.environ["TEST_GENERATED_DIR"])
LIST = SOURCE / "tests/contract/not_implemented.txt"
RPC = re.compile(r"const rpc_t (rpc_\w+) = \{(.*?)\n\};", re.S)
BINDING = re.compile(r"static const http_binding_t (\w+) = \{(.*?)\n\};", re.S)


def field(body, name):
    match = re.search(rf"\.{name} = (.*?),\n", body + "\n")
    return match.group(1).strip('"') if match else None


def routes():
    """(rpc, method, path, scope, summary, not_implemented) of every routed rpc"""
    text = (GENERATED / "routes.gen.c").read_text()
    bindings = dict(BINDING.findall(text))
    for rpc, body in RPC.findall(text):
        http = field(body, "http")
        if http == "NULL":
            continue
        binding = bindings[http.lstrip("&")]
        method = field(binding, "method").removeprefix("HTTP_")
        yield (rpc, method, field(binding, "path"), field(binding, "scope"), field(body, "summary"),
               field(body, "not_implemented") == "true")


def handlers():
    code = "".join(p.read_text() for folder in ("src", "gateway") for p in (SOURCE / folder).rglob("*.c"))
    return set(re.findall(r"\{&(rpc_\w+),", code))


def main():
    problems, listed = [], set(LIST.read_text().split("\n")) - {""}
    marked, handled, count = set(), handlers(), 0
    for rpc, method, path, scope, summary, not_implemented in routes():
        count += 1
        name = f"{method} {path}"
        if not summary:
            problems.append(f"{name}: {rpc} has no comment")
        if scope not in ("SCOPE_OPEN", "SCOPE_READ", "SCOPE_OPERATE", "SCOPE_ADMIN"):
            problems.append(f"{name}: {rpc} has no scope")
        if not_implemented:
            marked.add(name)
        elif rpc not in handled:
            problems.append(f"{name}: {rpc} has no row in a command table")
        if not_implemented and rpc in handled:
            problems.append(f"{name}: {rpc} has a handler and is still marked not_implemented")
    problems += [f"{name}: not built, and not in {LIST.name}" for name in sorted(marked - listed)]
    problems += [f"{name}: in {LIST.name}, but built or gone" for name in sorted(listed - marked)]
    if count < 60:
        problems.append(f"only {count} routes were found")
    print("\n".join(problems) if problems else f"{count} routes, {len(marked)} not built yet")
    return 1 if problems else 0


sys.exit(main())

#!/usr/bin/python3
"""Each mistake in an annotated .proto fails the build with a line that names the place."""
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ.get("TEST_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))

HEAD = """syntax = "proto3";
package integration.v1;
import "integration/v1/options.proto";
message FieldProblem { string field = 1; string problem = 2; }
message Ask { string item_id = 1; optional double share = 2; Part part = 3; }
message Part { string name = 1; }
message Answer { repeated Part parts = 1; int64 total = 2; }
"""
GOOD = 'method: "GET" path: "/api/v1/items/{item_id}" scope: "read"'


def service(http, comment="// Reads an item.", component='option (component) = "items";', request="GetAsk", more=""):
    return f"""message GetAsk {{ string item_id = 1; optional int32 limit = 2; }}
service Items {{ {component}
  {comment}
  rpc Get({request}) returns (Answer) {{ option (http) = {{ {http} }}; {more} }}
}}
"""


def fields(text):
    return f"message Odd {{ {text} }}\n"


# What is wrong, the .proto text, what the message must hold.
CASES = [
    ("comment", service(GOOD, comment=""), "rpc Items.Get: a routed rpc needs a comment"),
    ("component", service(GOOD, component=""), "rpc Items.Get: a routed rpc needs a component"),
    ("no scope", service(GOOD.replace('scope: "read"', "")), 'scope "" must be one of open, read, operate, admin'),
    ("scope", service(GOOD.replace("read", "write")), 'scope "write" must be one of'),
    ("method", service(GOOD.replace("GET", "PATCH")), 'method "PATCH" must be one of'),
    ("path", service(GOOD.replace("/api", "api")), "must be /segments"),
    ("path parameter", service(GOOD.replace("{item_id}", "{id}")), 'path parameter "id" is not a field of GetAsk'),
    ("query", service(GOOD, request="Ask"), '"part" of Ask cannot be a query parameter'),
    ("data_field", service(GOOD + ' data_field: "items"'), 'data_field "items" is not a field of Answer'),
    ("total_field", service(GOOD + ' total_field: "count"'), 'total_field "count" is not a field of Answer'),
    ("location", service(GOOD + ' location: "/x/{y}"'), 'location: "y" is not a field of Answer'),
    ("status", service(GOOD + " status: 418"), "status 418 must be 200, 201 or 202"),
    (
        "clash",
        service(GOOD) + service(GOOD).replace("Items", "Others").replace('"items"', '"others"').split("\n", 1)[1],
        "rpc Others.Get: GET /api/v1/items/{item_id} is taken by",
    ),
    ("internal rpc", "service S { rpc Get(Ask) returns (Answer) { option (not_implemented) = true; } }", "needs a route"),
    ("field name", fields("string itemId = 1;"), "Odd.itemId: name is not snake_case"),
    ("alias", fields('string a = 1 [(rule).aliases = "b"]; string b = 2;'), "the JSON name b is taken by both a and b"),
    ("range", fields("int32 a = 1 [(rule) = {min: 2 max: 1}];"), "Odd.a: rule min is above max"),
    ("items", fields("repeated string a = 1 [(rule) = {min_items: 2 max_items: 1}];"), "min_items is above max_items"),
    ("items of one", fields("string a = 1 [(rule).min_items = 1];"), "min_items and max_items do not fit"),
    ("kind", fields('int32 a = 1 [(rule).words = "x"];'), "Odd.a: rule words does not fit"),
    ("timestamp", fields("string a = 1 [(rule).timestamp = true];"), "Odd.a: rule timestamp does not fit"),
    ("synonym", fields('string a = 1 [(rule) = {words: "x" synonyms: "y=z"}];'), '"y=z" must be synonym=word'),
    ("charset", fields('string a = 1 [(rule).charset = "z-a"];'), "range z-a is empty"),
    ("lenient", fields("repeated Part a = 1 [(rule).lenient = true];"), "Part needs a field `repeated FieldProblem problems`"),
    ("required", fields("string a = 1 [(rule) = {required: true output_only: true}];"), "never read"),
    ("enum", "enum Kind { KIND_A = 0; KIND_B = 5; }", "values must be numbered 0, 1, 2"),
    ("too many fields", fields(" ".join(f"string f{i} = {i};" for i in range(1, 66))), "at most 64"),
]


def run(text, out):
    path = pathlib.Path(out) / "integration" / "v1"
    path.mkdir(parents=True, exist_ok=True)
    (path / "case.proto").write_text(HEAD + text)
    plugin = pathlib.Path(out) / "plugin"
    plugin.write_text(f'#!/bin/sh\nexec /usr/bin/python3 "{ROOT}/proto/tools/protoc-gen-integration"\n')
    plugin.chmod(0o755)
    command = ["protoc", f"-I{out}", f"-I{ROOT}/proto", "-I/usr/include", f"--plugin=protoc-gen-integration={plugin}"]
    command += [f"--integration_out={out}", f"{path}/case.proto"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as out:
        good = run(service(GOOD), out)
        if good.returncode != 0:
            failed += 1
            print(f"FAIL a correct file is refused:\n{good.stderr}")
        for name, text, expected in CASES:
            result = run(text, out)
            if result.returncode == 0 or expected not in result.stderr or "case.proto" not in result.stderr:
                failed += 1
                print(f"FAIL {name}: expected {expected!r}, exit {result.returncode}:\n{result.stderr}")
    print(f"{len(CASES) + 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

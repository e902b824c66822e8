#!/usr/bin/python3
"""openapi.json is OpenAPI 3.1 in structure: references resolve, parameters fit their paths, names are unique."""
import json
import os
import re
import sys

METHODS = {"get", "post", "put", "delete"}
SCOPES = {"open", "read", "operate", "admin"}


def walk(node, path="#"):
    yield path, node
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from walk(value, f"{path}/{key}")


def resolve(root, reference):
    node = root
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def check_references(root):
    for path, node in walk(root):
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            try:
                resolve(root, node["$ref"])
            except KeyError:
                yield f"{path}: {node['$ref']} leads nowhere"


def check_schemas(root):
    for path, node in walk(root):
        if not isinstance(node, dict) or "properties" not in node or "type" not in node:
            continue
        for name in node.get("required", []):
            if name not in node["properties"]:
                yield f"{path}: required {name} is no property"
    for path, node in walk(root):
        if isinstance(node, dict) and isinstance(node.get("pattern"), str):
            re.compile(node["pattern"])
        if isinstance(node, dict) and "default" in node and "enum" in node and node["default"] not in node["enum"]:
            yield f"{path}: default {node['default']!r} is not one of {node['enum']}"


def check_operation(where, path, method, operation):
    for key in ("operationId", "summary", "description", "responses", "tags"):
        if not operation.get(key):
            yield f"{where}: no {key}"
    if operation.get("x-scope") not in SCOPES:
        yield f"{where}: x-scope {operation.get('x-scope')!r}"
    in_path = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
    if in_path != set(re.findall(r"\{(\w+)\}", path)):
        yield f"{where}: path parameters {sorted(in_path)}"
    names = [(p["in"], p["name"]) for p in operation.get("parameters", [])]
    if len(names) != len(set(names)):
        yield f"{where}: a parameter twice"
    if method in ("get", "delete") and "requestBody" in operation:
        yield f"{where}: a body"
    if not any(status.startswith("2") for status in operation["responses"]):
        yield f"{where}: no success"
    for status, response in operation["responses"].items():
        if not re.fullmatch(r"[2-5]\d\d", status) or not ("$ref" in response or response.get("description")):
            yield f"{where}: response {status}"


def check_paths(root):
    ids = set()
    for path, item in root["paths"].items():
        if not path.startswith("/"):
            yield f"{path}: must begin with /"
        for method, operation in item.items():
            where = f"{method.upper()} {path}"
            if method not in METHODS:
                yield f"{where}: unknown method"
                continue
            yield from check_operation(where, path, method, operation)
            if operation["operationId"] in ids:
                yield f"{where}: operationId {operation['operationId']} twice"
            ids.add(operation["operationId"])


def main():
    with open(os.path.join(os.environ["TEST_GENERATED_DIR"], "openapi.json"), encoding="utf-8") as file:
        root = json.load(file)
    problems = []
    if not root["openapi"].startswith("3.1."):
        problems.append(f"openapi {root['openapi']}")
    if not (root["info"]["title"] and root["info"]["version"]) or len(root["paths"]) < 40:
        problems.append("info or paths are missing")
    if set(root["components"]["securitySchemes"]) != {"bearer", "api_key"}:
        problems.append("securitySchemes")
    for check in (check_references, check_schemas, check_paths):
        problems += check(root)
    print("\n".join(problems) or f"{len(root['paths'])} paths are sound")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

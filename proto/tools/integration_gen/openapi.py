"""openapi.json (OpenAPI 3.1): the routes and messages as their clients see them."""
import json

from . import ctext, schemas

ERRORS = {
    400: "Malformed JSON, or fields that are not valid; `details` names each.",
    401: "A valid API key is needed.",
    403: "The API key does not have the scope that is needed.",
    404: "There is no such thing.",
    409: "The state does not allow it.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "Well-formed but refused, or the Idempotency-Key was used with another body.",
    429: "Too many requests; see Retry-After.",
    500: "A defect of the service.",
    501: "Declared, not built yet.",
    503: "A dependency is down or the service is overloaded; see Retry-After.",
    504: "The deadline passed before the answer came.",
}


def document(contract, version):
    """The JSON text."""
    tags = [
        {"name": service, "description": " ".join(contract.service_comments.get(service, "").split())}
        for service in dict.fromkeys(rpc.service for rpc in contract.rpcs if rpc.http)
    ]
    root = {
        "openapi": "3.1.0",
        "info": {
            "title": "Integration Service",
            "version": version,
            "description": "Signals, analysis cycles, tasks, services and monitoring of the trading system.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"api_key": []}],
        "tags": tags,
        "paths": _paths(contract),
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
            "responses": {_error_name(status): _error(status, text) for status, text in ERRORS.items()},
            "schemas": {"Error": schemas.error(), **schemas.components(contract)},
        },
    }
    return json.dumps(root, indent=1, ensure_ascii=False) + "\n"


def embedded(text):
    """The same as a C array, without the indentation."""
    compact = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    data = compact.encode()
    rows = [compact[i : i + 100] for i in range(0, len(compact), 100)]
    body = "\n".join("    " + ctext.literal(row) for row in rows)
    return (
        f'{ctext.NOTE}#include "routes.gen.h"\n\nconst char openapi_json[] =\n{body};\n'
        f"const size_t openapi_json_size = {len(data)};\n"
    )


def _error_name(status):
    return f"Error{status}"


def _error(status, text):
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    content["application/problem+json"] = {"schema": {"type": "object"}}
    response = {"description": text, "content": content}
    if status in (429, 503):
        response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return response


def _paths(contract):
    paths = {}
    for rpc in contract.rpcs:
        if not rpc.http:
            continue
        item = paths.setdefault(rpc.http.path, {})
        method = rpc.http.method.lower()
        operation = _operation(contract, rpc)
        item[method] = _merge(item[method], operation) if method in item else operation
    return paths


def _merge(first, second):
    """Two rpcs that share a path: the body tells them apart, the answer is that of either."""
    for get in (
        lambda op: op["requestBody"]["content"]["application/json"],
        lambda op: _success(op)["content"]["application/json"],
    ):
        one, two = get(first), get(second)
        known = one["schema"].get("anyOf", [one["schema"]])
        one["schema"] = {"anyOf": known + [two["schema"]]}
    first["description"] += "\n\n" + second["description"]
    first["responses"] = {**second["responses"], **first["responses"]}
    return first


def _success(operation):
    return operation["responses"][next(status for status in operation["responses"] if status.startswith("2"))]


def _operation(contract, rpc):
    http = rpc.http
    operation = {
        "operationId": f"{rpc.service}_{rpc.name}",
        "tags": [rpc.service],
        "summary": rpc.summary,
        "description": rpc.description,
        "x-scope": http.scope,
    }
    if rpc.not_implemented:
        operation["x-not-implemented"] = True
    if http.scope == "open":
        operation["security"] = []
    parameters = _parameters(contract, rpc)
    if parameters:
        operation["parameters"] = parameters
    if http.method in ("POST", "PUT"):
        body = schemas.request_body(contract, rpc)
        if body:
            operation["requestBody"] = body
    operation["responses"] = _responses(contract, rpc)
    return operation


def _parameters(contract, rpc):
    request = contract.messages[rpc.request]
    rows = []
    for name in rpc.path_parameters:
        field = request.field(name)
        rows.append(_described({"name": name, "in": "path", "required": True}, contract, field))
    if rpc.http.method in ("GET", "DELETE"):
        for field in request.fields:
            if field.name not in rpc.path_parameters and not field.rule.internal and not field.rule.output_only:
                rows.append(_query(contract, field))
    if rpc.http.method == "POST":
        rows.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key and body again get the first answer.",
                "schema": {"type": "string"},
            }
        )
    return rows


def _query(contract, field):
    row = _described({"name": field.name, "in": "query", "required": field.rule.required}, contract, field)
    if field.cardinality == "REPEATED":
        row.update({"style": "form", "explode": False})
    return row


def _described(row, contract, field):
    schema = schemas.parameter(contract, field)
    if "description" in schema:
        row["description"] = schema.pop("description")
    return {**row, "schema": schema}


def _responses(contract, rpc):
    http = rpc.http
    responses = {str(http.status or 200): _answer(contract, rpc)}
    statuses = {429, 500, 503, 504}
    if http.scope != "open":
        statuses |= {401, 403}
    if contract.messages[rpc.request].fields or http.method in ("POST", "PUT"):
        statuses.add(400)
    if rpc.path_parameters:
        statuses.add(404)
    if http.method in ("POST", "PUT"):
        statuses |= {409, 413, 415, 422}
    if rpc.not_implemented:
        statuses.add(501)
    responses.update({str(s): {"$ref": f"#/components/responses/{_error_name(s)}"} for s in sorted(statuses)})
    return responses


def _answer(contract, rpc):
    http = rpc.http
    answer = {"description": http.message or rpc.summary}
    if http.document:
        kind = "object" if "json" in http.document else "string"
        answer["content"] = {http.document.split(";")[0]: {"schema": {"type": kind}}}
        return answer
    answer["content"] = {"application/json": {"schema": schemas.envelope(contract, rpc)}}
    headers = {}
    if http.total_field:
        headers["X-Total-Count"] = {"description": "How many there are in all.", "schema": {"type": "integer"}}
    if http.location:
        headers["Location"] = {"description": http.location, "schema": {"type": "string", "format": "uri-reference"}}
    if headers:
        answer["headers"] = headers
    return answer

"""The protoc side: request in, files (or the list of mistakes) out."""
import sys

from google.protobuf.compiler import plugin_pb2

from . import check, model, openapi, routes, tables


def _parameters(text):
    pairs = (part.partition("=") for part in text.split(",") if part)
    return {key.strip(): value.strip() for key, _, value in pairs}


def generate(request_bytes):
    """The CodeGeneratorResponse for a serialized CodeGeneratorRequest."""
    response = plugin_pb2.CodeGeneratorResponse()
    response.supported_features = plugin_pb2.CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
    contract, parameter = model.read(request_bytes)
    parameters = _parameters(parameter)
    problems = check.check(contract)
    unknown = sorted(set(parameters) - {"version"})
    problems += [f"unknown plugin parameter {name}; allowed: version" for name in unknown]
    if problems:
        response.error = "\n".join(problems)
        return response
    document = openapi.document(contract, parameters.get("version", "1"))
    files = {
        "tables.gen.h": tables.header(contract),
        "tables.gen.c": tables.source(contract),
        "routes.gen.h": routes.header(contract),
        "routes.gen.c": routes.source(contract),
        "openapi.json": document,
        "openapi.gen.c": openapi.embedded(document),
    }
    for name, content in files.items():
        response.file.add(name=name, content=content)
    return response


def main():
    sys.stdout.buffer.write(generate(sys.stdin.buffer.read()).SerializeToString())

"""Pieces of C source text."""

NOTE = "/* Generated from the .proto files by proto/tools/protoc-gen-integration. Edit those instead. */\n"


def string(text):
    """A C string literal, or NULL for nothing."""
    if not text:
        return "NULL"
    return literal(text)


def literal(text):
    out = []
    for byte in text.encode():
        char = chr(byte)
        if char in '"\\':
            out.append("\\" + char)
        elif char == "\n":
            out.append("\\n")
        elif char == "?":
            out.append("\\?")
        elif 32 <= byte < 127:
            out.append(char)
        else:
            out.append(f"\\{byte:03o}")
    return '"' + "".join(out) + '"'


def boolean(value):
    return "true" if value else "false"


def number(value):
    """A double constant that reads back the same."""
    return repr(float(value))


def includes(contract, *more):
    lines = [f'#include "{name}"' for name in more]
    lines += [f'#include "{name[: -len(".proto")]}.pb.h"' for name in contract.files]
    return "\n".join(lines) + "\n"

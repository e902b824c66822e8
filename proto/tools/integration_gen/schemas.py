"""JSON Schemas of the messages, with their rules."""
import json

INTEGERS = {"INT32": "int32", "INT64": "int64", "UINT32": None, "UINT64": None}


def error():
    """The shape of every refusal."""
    text = {"type": "string"}
    problem = {"type": "object", "required": ["field", "problem"], "properties": {"field": text, "problem": text}}
    return {
        "type": "object",
        "required": ["success", "error", "error_code", "timestamp"],
        "properties": {
            "success": {"const": False},
            "error": {"type": "string", "description": "What went wrong, for people."},
            "error_code": {
                "type": "string",
                "description": "What went wrong, for programs.",
                "examples": ["VALIDATION_FAILED"],
            },
            "timestamp": {"type": "string", "format": "date-time"},
            "request_id": text,
            "details": {"type": "array", "items": problem},
        },
    }


def components(contract):
    """A schema for each message that a route reaches."""
    reached = {}
    todo = [name for rpc in contract.rpcs if rpc.http for name in (rpc.request, rpc.response)]
    while todo:
        message = contract.messages[todo.pop(0)]
        if message.c_name in reached:
            continue
        reached[message.c_name] = message
        todo += (f.type_name for f in message.fields if f.type in ("MESSAGE", "MAP") and not f.rule.internal)
    return {name: _message(contract, message) for name, message in sorted(reached.items()) if not message.is_map_entry}


def envelope(contract, rpc):
    """The success envelope around the answer of an rpc."""
    message = contract.messages[rpc.response]
    if rpc.http.null_data:
        data = {"type": "null"}
    elif rpc.http.data_field:
        data = value(contract, message.field(rpc.http.data_field))
    else:
        data = {"$ref": f"#/components/schemas/{message.c_name}"}
    return {
        "type": "object",
        "required": ["success", "data", "message", "timestamp"],
        "properties": {
            "success": {"const": True},
            "data": data,
            "message": {"type": "string"},
            "timestamp": {"type": "string", "format": "date-time"},
        },
    }


def parameter(contract, field):
    """The schema of a path or query parameter."""
    schema = value(contract, field)
    _annotate(schema, field)
    return schema


def request_body(contract, rpc):
    """The requestBody of an rpc, without what its path gives; None when nothing is left."""
    message = contract.messages[rpc.request]
    readable = [f for f in message.fields if not f.rule.internal and not f.rule.output_only]
    left = [f for f in readable if f.name not in rpc.path_parameters]
    if not left:
        return None
    if len(left) == sum(not f.rule.internal for f in message.fields):
        schema = {"$ref": f"#/components/schemas/{message.c_name}"}
    else:
        schema = _object(contract, left)
    required = any(f.rule.required for f in left) or not rpc.http.body_optional
    return {"required": required, "content": {"application/json": {"schema": schema}}}


def _message(contract, message):
    schema = _object(contract, [f for f in message.fields if not f.rule.internal])
    if message.comment:
        schema["description"] = " ".join(message.comment.split())
    return schema


def _object(contract, fields):
    named = [f for f in fields if not f.rule.flatten]
    schema = {"type": "object", "properties": {f.name: _property(contract, f) for f in named}}
    for field in fields:
        if field.rule.flatten:
            schema["additionalProperties"] = value(contract, field)["additionalProperties"]
    required = [f.name for f in fields if f.rule.required]
    if required:
        schema["required"] = required
    return schema


def _property(contract, field):
    schema = value(contract, field)
    if field.cardinality == "OPTIONAL" and not field.rule.required and not field.rule.omit_unset:
        schema = _nullable(schema)
    _annotate(schema, field)
    if field.rule.output_only:
        schema["readOnly"] = True
    if field.rule.aliases:
        schema["x-aliases"] = field.rule.aliases.split("|")
    return schema


def _annotate(schema, field):
    """Description and default. A default that is no literal ("now") is told in words."""
    words = [" ".join(field.comment.split())] if field.comment else []
    if field.rule.default_text:
        literal = _literal(field)
        if literal is None:
            words.append(f"Default: {field.rule.default_text}.")
        else:
            schema["default"] = literal
    if words:
        schema["description"] = " ".join(words)


def _literal(field):
    text, rule = field.rule.default_text, field.rule
    try:
        if field.type in INTEGERS:
            return int(text)
        if field.type in ("FLOAT", "DOUBLE"):
            return float(text)
        if field.type in ("JSON", "BOOL"):
            return json.loads(text)
    except ValueError:
        return None
    return text if text in rule.words.split("|") else None


def _nullable(schema):
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    if "enum" in schema:
        schema["enum"] = schema["enum"] + [None]
    return schema


def value(contract, field):
    """The schema of a field's value; a list or map included."""
    if field.type == "MAP":
        entry = contract.messages[field.type_name]
        return {"type": "object", "additionalProperties": _one(contract, entry.field("value"))}
    one = _one(contract, field)
    if field.cardinality != "REPEATED":
        return one
    schema = {"type": "array", "items": one}
    if field.rule.min_items:
        schema["minItems"] = field.rule.min_items
    if field.rule.max_items:
        schema["maxItems"] = field.rule.max_items
    return schema


def _one(contract, field):
    kind, rule = field.type, field.rule
    if kind == "MESSAGE":
        return {"$ref": f"#/components/schemas/{contract.messages[field.type_name].c_name}"}
    if kind == "ENUM":
        return {"type": "string", "enum": [name for _, name in contract.enums[field.type_name].values]}
    if kind == "JSON":
        return {"type": "object"} if rule.json_object else {}
    if kind == "TIMESTAMP":
        return {"type": "string", "format": "date-time"}
    if kind == "BYTES":
        return {"type": "string", "contentEncoding": "base64"}
    if kind == "STRING":
        return _string(rule)
    if kind == "BOOL":
        return {"type": "boolean"}
    return _number(kind, rule)


def _number(kind, rule):
    schema = {"type": "integer" if kind in INTEGERS else "number"}
    if INTEGERS.get(kind):
        schema["format"] = INTEGERS[kind]
    whole = kind in INTEGERS
    for key, bound in (("minimum", "min"), ("maximum", "max")):
        if rule.HasField(bound):
            limit = getattr(rule, bound)
            schema[key] = int(limit) if whole and limit == int(limit) else limit
    if kind.startswith("UINT"):
        schema.setdefault("minimum", 0)
    return schema


def _string(rule):
    schema = {"type": "string"}
    if rule.words:
        schema["enum"] = rule.words.split("|")
        synonyms = [pair.partition("=")[0] for pair in rule.synonyms.split("|") if pair]
        if synonyms or rule.ignore_case:
            # Understood on input as well, so the list of words is a promise about output only.
            schema["x-synonyms"] = dict(pair.split("=") for pair in rule.synonyms.split("|") if pair)
        return schema
    for key, limit in (("minLength", rule.min_length), ("maxLength", rule.max_length)):
        if limit:
            schema[key] = limit
    if rule.charset:
        schema["pattern"] = "^[" + _class(rule.charset) + "]*$"
    return schema


def _class(charset):
    """The inside of a bracket expression as an ECMA one: a literal ^ ] \\ or - needs a backslash."""
    out, i = [], 0
    while i < len(charset):
        if i + 2 < len(charset) and charset[i + 1] == "-":
            out.append(charset[i : i + 3])
            i += 3
        else:
            out.append("\\" + charset[i] if charset[i] in "^]\\[-" else charset[i])
            i += 1
    return "".join(out)

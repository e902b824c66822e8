"""Mistakes in the annotations, each a line naming file, rpc or field. The build fails on any."""
import re

METHODS = ("GET", "POST", "PUT", "DELETE")
SCOPES = ("open", "read", "operate", "admin")
TEXTUAL = ("STRING", "INT32", "UINT32", "INT64", "UINT64", "FLOAT", "DOUBLE", "BOOL", "TIMESTAMP", "ENUM")
NUMERIC = ("INT32", "UINT32", "INT64", "UINT64", "FLOAT", "DOUBLE")
FIELDS_MAX = 64


def check(contract):
    """All mistakes of the contract, as text lines."""
    problems = []
    for enum in contract.enums.values():
        problems += (f"{enum.where}: {text}" for text in _enum(enum))
    for message in contract.messages.values():
        problems += (f"{message.where}: {text}" for text in _message(message))
        for field in message.fields:
            problems += (f"{field.where}: {text}" for text in _field(contract, field))
    for rpc in contract.rpcs:
        problems += (f"{rpc.where}: {text}" for text in _rpc(contract, rpc))
    return problems + _clashes(contract)


def _enum(enum):
    if [number for number, _ in enum.values] != list(range(len(enum.values))):
        yield "values must be numbered 0, 1, 2, ... in order"


def _message(message):
    if len(message.fields) > FIELDS_MAX:
        yield f"has {len(message.fields)} fields; at most {FIELDS_MAX}"
    names = {}
    for field in message.fields:
        for name in [field.name, *filter(None, field.rule.aliases.split("|"))]:
            if name in names:
                yield f"the JSON name {name} is taken by both {names[name]} and {field.name}"
            names[name] = field.name


def _field(contract, field):
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", field.name):
        yield "name is not snake_case"
    if not field.type:
        yield "groups are not supported"
    if field.type in ("MESSAGE", "MAP") and field.type_name not in contract.messages:
        yield f"message {field.type_name} is not among the files given"
    if field.type == "ENUM" and field.type_name not in contract.enums:
        yield f"enum {field.type_name} is not among the files given"
    yield from _rule(contract, field, field.rule)


def _rule(contract, field, rule):
    limits = (
        ("min / max", rule.HasField("min") or rule.HasField("max"), NUMERIC),
        ("min_length", rule.min_length, ("STRING",)),
        ("max_length", rule.max_length, ("STRING", "JSON", "BYTES")),
        ("charset", rule.charset, ("STRING",)),
        ("words", rule.words, ("STRING",)),
        ("json", rule.json or rule.json_object, ("JSON",)),
        ("timestamp", rule.timestamp, ("TIMESTAMP",)),
    )
    for name, given, kinds in limits:
        if given and field.type not in kinds:
            yield f"rule {name} does not fit a field of this type"
    if rule.HasField("min") and rule.HasField("max") and rule.min > rule.max:
        yield "rule min is above max"
    if rule.max_length and rule.min_length > rule.max_length:
        yield "rule min_length is above max_length"
    if (rule.min_items or rule.max_items) and field.cardinality != "REPEATED":
        yield "rules min_items and max_items do not fit a field that is not repeated"
    if rule.max_items and rule.min_items > rule.max_items:
        yield "rule min_items is above max_items"
    if rule.omit_unset and field.cardinality != "OPTIONAL":
        yield "rule omit_unset does not fit a field that is not optional"
    if rule.flatten and field.type != "MAP":
        yield "rule flatten does not fit a field that is not a map"
    if rule.required and (rule.output_only or rule.internal):
        yield "rule required does not fit a field that is never read"
    if rule.charset:
        try:
            charset(rule.charset)
        except ValueError as error:
            yield f"rule charset: {error}"
    yield from _words(rule)
    if rule.lenient:
        yield from _lenient(contract, field)


def _words(rule):
    words = rule.words.split("|") if rule.words else []
    if (rule.synonyms or rule.ignore_case) and not words:
        yield "rules synonyms and ignore_case need words"
    for pair in filter(None, rule.synonyms.split("|")):
        synonym, _, word = pair.partition("=")
        if not synonym or word not in words:
            yield f'rule synonyms: "{pair}" must be synonym=word with a word of the list'


def _lenient(contract, field):
    element = contract.messages.get(field.type_name)
    if field.type != "MESSAGE" or field.cardinality != "REPEATED" or not element:
        yield "rule lenient fits repeated message fields only"
        return
    problems = element.field("problems")
    kind = contract.messages.get(problems.type_name) if problems and problems.cardinality == "REPEATED" else None
    if not kind or any(not kind.field(name) or kind.field(name).type != "STRING" for name in ("field", "problem")):
        yield f"rule lenient: {element.name} needs a field `repeated FieldProblem problems`"


def charset(text):
    """The characters of a bracket expression's inside, as a set of byte values."""
    members, i = set(), 0
    while i < len(text):
        low = text[i]
        if ord(low) > 126 or ord(low) < 32:
            raise ValueError("only printable ASCII")
        if i + 2 < len(text) and text[i + 1] == "-":
            if ord(text[i + 2]) < ord(low):
                raise ValueError(f"range {text[i:i + 3]} is empty")
            members.update(range(ord(low), ord(text[i + 2]) + 1))
            i += 3
        else:
            members.add(ord(low))
            i += 1
    return members


def _rpc(contract, rpc):
    for side, name in (("request", rpc.request), ("response", rpc.response)):
        if name not in contract.messages:
            yield f"{side} message {name} is not among the files given"
            return
    if rpc.http is None:
        if rpc.not_implemented:
            yield "not_implemented needs a route"
        return
    http, request, response = rpc.http, contract.messages[rpc.request], contract.messages[rpc.response]
    if not rpc.comment:
        yield "a routed rpc needs a comment"
    if not rpc.component:
        yield "a routed rpc needs a component (an option of its service)"
    if http.scope not in SCOPES:
        yield f'scope "{http.scope}" must be one of {", ".join(SCOPES)}'
    if http.method not in METHODS:
        yield f'method "{http.method}" must be one of {", ".join(METHODS)}'
    if http.status not in (0, 200, 201, 202):
        yield f"status {http.status} must be 200, 201 or 202"
    yield from _path(rpc, request)
    yield from _query(rpc, request)
    for name, text in (("data_field", http.data_field), ("total_field", http.total_field)):
        if text and not response.field(text):
            yield f'{name} "{text}" is not a field of {response.name}'
    for name in re.findall(r"\{([^{}]*)\}", http.location):
        if not response.field(name):
            yield f'location: "{name}" is not a field of {response.name}'
    if http.when_body_has and not request.field(http.when_body_has):
        yield f'when_body_has "{http.when_body_has}" is not a field of {request.name}'
    if http.document and (http.data_field or http.null_data):
        yield "document excludes data_field and null_data"


def _path(rpc, request):
    path, names = rpc.http.path, rpc.path_parameters
    segment = r"/(?:\{[a-z0-9_]+\}|[A-Za-z0-9._-]+)"
    if path != "/" and not re.fullmatch(f"(?:{segment})+", path):
        yield f'path "{path}" must be /segments, each a word or {{field}}'
    if rpc.http.also_at and not re.fullmatch(r"(?:/[A-Za-z0-9._-]+)+", rpc.http.also_at):
        yield f'also_at "{rpc.http.also_at}" must be /words'
    if len(set(names)) != len(names):
        yield "a path parameter is named twice"
    for name in names:
        field = request.field(name)
        if not field:
            yield f'path parameter "{name}" is not a field of {request.name}'
        elif field.type not in TEXTUAL or field.cardinality == "REPEATED":
            yield f'path parameter "{name}" must be a plain field'
        elif field.rule.output_only or field.rule.internal:
            yield f'path parameter "{name}" is never read'


def _query(rpc, request):
    if rpc.http.method not in ("GET", "DELETE"):
        return
    if rpc.http.when_body_has or rpc.http.body_optional:
        yield f"{rpc.http.method} has no body"
    for field in request.fields:
        if field.type not in TEXTUAL and not field.rule.output_only and not field.rule.internal:
            yield f'"{field.name}" of {request.name} cannot be a query parameter'


def _clashes(contract):
    problems, topics, routes, shapes = [], {}, {}, {}
    for rpc in contract.rpcs:
        if rpc.topic and topics.setdefault(rpc.topic, rpc) is not rpc:
            problems.append(f"{rpc.where}: topic {rpc.topic} is taken by {topics[rpc.topic].where}")
        if not rpc.http:
            continue
        shape = re.sub(r"\{[^{}]*\}", "{}", rpc.http.path)
        key = (rpc.http.method, shape, rpc.http.when_body_has)
        if routes.setdefault(key, rpc) is not rpc:
            problems.append(f"{rpc.where}: {rpc.http.method} {rpc.http.path} is taken by {routes[key].where}")
        if shapes.setdefault(shape, rpc).http.path != rpc.http.path:
            other = shapes[shape]
            problems.append(f"{rpc.where}: {rpc.http.path} is named {other.http.path} by {other.where}")
    return problems

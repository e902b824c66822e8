"""The contract as plain objects, read from protoc's CodeGeneratorRequest.

The annotations are extensions declared in options.proto, which is itself part of the request, so no compiled
options module is needed.
"""
import re
from dataclasses import dataclass, field

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.compiler import plugin_pb2

PACKAGE = "integration.v1"
OPTIONS_PROTO = "integration/v1/options.proto"
F = descriptor_pb2.FieldDescriptorProto

SCALARS = {
    F.TYPE_BOOL: "BOOL",
    F.TYPE_INT32: "INT32",
    F.TYPE_SINT32: "INT32",
    F.TYPE_SFIXED32: "INT32",
    F.TYPE_UINT32: "UINT32",
    F.TYPE_FIXED32: "UINT32",
    F.TYPE_INT64: "INT64",
    F.TYPE_SINT64: "INT64",
    F.TYPE_SFIXED64: "INT64",
    F.TYPE_UINT64: "UINT64",
    F.TYPE_FIXED64: "UINT64",
    F.TYPE_FLOAT: "FLOAT",
    F.TYPE_DOUBLE: "DOUBLE",
    F.TYPE_STRING: "STRING",
    F.TYPE_BYTES: "BYTES",
    F.TYPE_ENUM: "ENUM",
    F.TYPE_MESSAGE: "MESSAGE",
}

# Names of wire_t without WIRE_; all other types are varints.
WIRES = {
    F.TYPE_SINT32: "ZIGZAG",
    F.TYPE_SINT64: "ZIGZAG",
    F.TYPE_FIXED32: "FIXED32",
    F.TYPE_SFIXED32: "FIXED32",
    F.TYPE_FLOAT: "FIXED32",
    F.TYPE_FIXED64: "FIXED64",
    F.TYPE_SFIXED64: "FIXED64",
    F.TYPE_DOUBLE: "FIXED64",
    F.TYPE_STRING: "BYTES",
    F.TYPE_BYTES: "BYTES",
    F.TYPE_MESSAGE: "BYTES",
}


@dataclass
class Field:
    name: str
    number: int
    type: str  # a name of field_type_t without FIELD_
    cardinality: str  # a name of cardinality_t without CARDINALITY_
    wire: str  # a name of wire_t without WIRE_
    type_name: str  # full name of the message or enum, else ""
    rule: object  # integration.v1.Rule
    comment: str
    where: str


@dataclass
class Message:
    full_name: str
    c_name: str
    name: str
    fields: list
    comment: str
    where: str
    is_map_entry: bool = False

    def field(self, name):
        return next((f for f in self.fields if f.name == name), None)


@dataclass
class Enum:
    full_name: str
    c_name: str
    values: list  # (number, C-less lower-case name)
    comment: str
    where: str


@dataclass
class Rpc:
    service: str
    name: str
    component: str
    request: str
    response: str
    http: object  # integration.v1.Http or None
    not_implemented: bool
    comment: str
    where: str

    @property
    def path_parameters(self):
        return re.findall(r"\{([^{}]*)\}", self.http.path) if self.http else []

    @property
    def topic(self):
        return f"cmd/{self.component}/{self.name}" if self.component else ""

    @property
    def summary(self):
        """The first sentence of the comment, on one line."""
        text = " ".join(self.comment.split())
        match = re.match(r"(.*?[.!?])(\s|$)", text)
        return (match.group(1) if match else text).rstrip(".")

    @property
    def description(self):
        return paragraphs(self.comment)


@dataclass
class Contract:
    files: list = field(default_factory=list)  # .proto names, in the order of the command line
    messages: dict = field(default_factory=dict)  # by full name, in proto order
    enums: dict = field(default_factory=dict)
    rpcs: list = field(default_factory=list)
    service_comments: dict = field(default_factory=dict)


def paragraphs(text):
    """A comment without its line breaks; blank lines part paragraphs."""
    blocks = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(" ".join(block.split()) for block in blocks if block.strip())


def snake(name):
    """SignalStatus -> SIGNAL_STATUS."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).upper()


class _Annotations:
    """Reads the extensions of options.proto out of protoc's option messages.

    The request carries options.proto and descriptor.proto; a pool made of just these two knows the
    extensions, and the option messages are parsed once more with its classes.
    """

    def __init__(self, request):
        protos = {proto.name: proto for proto in request.proto_file}
        if OPTIONS_PROTO not in protos:
            raise SystemExit(f"no file imports {OPTIONS_PROTO}")
        self.pool = descriptor_pool.DescriptorPool()
        names = [*protos[OPTIONS_PROTO].dependency, OPTIONS_PROTO]
        for name in names:
            self.pool.AddSerializedFile(protos[name].SerializeToString())
        self.classes = message_factory.MessageFactory(self.pool).GetMessages(names)

    def get(self, options, name):
        """The value of an extension; None when it is not set."""
        parsed = self.classes[options.DESCRIPTOR.full_name].FromString(options.SerializeToString())
        extension = self.pool.FindExtensionByName(f"{PACKAGE}.{name}")
        return parsed.Extensions[extension] if parsed.HasExtension(extension) else None

    def rule(self, options):
        return self.get(options, "rule") or self.classes[f"{PACKAGE}.Rule"]()


class _Reader:
    def __init__(self, annotations):
        self.contract = Contract()
        self.annotations = annotations

    def read_file(self, proto):
        self.contract.files.append(proto.name)
        self.comments = {
            tuple(loc.path): (loc.leading_comments or loc.trailing_comments) for loc in proto.source_code_info.location
        }
        self.file = proto.name
        prefix = proto.package + "."
        for i, enum in enumerate(proto.enum_type):
            self._read_enum(enum, prefix, "", (5, i))
        for i, message in enumerate(proto.message_type):
            self._read_message(message, prefix, "", (4, i))
        for i, service in enumerate(proto.service):
            self._read_service(service, (6, i))

    def _comment(self, path):
        lines = self.comments.get(path, "").split("\n")
        return "\n".join(line[1:] if line.startswith(" ") else line for line in lines).strip()

    def _read_enum(self, enum, prefix, outer, path):
        word = snake(enum.name) + "_"
        values = [(v.number, v.name) for v in enum.value]
        names = [(n, (v[len(word) :] if v.startswith(word) else v).lower()) for n, v in values]
        full_name = prefix + outer.replace("_", ".") + enum.name
        self.contract.enums["." + full_name] = Enum(
            full_name, outer + enum.name, names, self._comment(path), f"{self.file}: {enum.name}"
        )

    def _read_message(self, message, prefix, outer, path):
        c_name = outer + message.name
        where = f"{self.file}: {c_name.replace('_', '.')}"
        full_name = prefix + c_name.replace("_", ".")
        entry = Message(full_name, c_name, message.name, [], self._comment(path), where, message.options.map_entry)
        self.contract.messages["." + full_name] = entry
        maps = {"." + full_name + "." + nested.name for nested in message.nested_type if nested.options.map_entry}
        for i, enum in enumerate(message.enum_type):
            self._read_enum(enum, prefix, c_name + "_", path + (4, i))
        for i, nested in enumerate(message.nested_type):
            self._read_message(nested, prefix, c_name + "_", path + (3, i))
        for i, proto in enumerate(message.field):
            entry.fields.append(self._read_field(proto, maps, where, path + (2, i)))
        entry.fields.sort(key=lambda f: f.number)

    def _read_field(self, proto, maps, where, path):
        rule = self.annotations.rule(proto.options)
        kind = SCALARS.get(proto.type, "")
        if proto.type_name in maps:
            kind = "MAP"
        elif kind == "STRING" and (rule.json or rule.json_object):
            kind = "JSON"
        elif kind == "INT64" and rule.timestamp:
            kind = "TIMESTAMP"
        if proto.label == F.LABEL_REPEATED:
            cardinality = "REPEATED"
        elif proto.HasField("oneof_index") and not proto.proto3_optional:
            cardinality = "ONEOF"
        elif proto.proto3_optional or proto.type == F.TYPE_MESSAGE:
            cardinality = "OPTIONAL"
        else:
            cardinality = "IMPLICIT"
        return Field(
            proto.name,
            proto.number,
            kind,
            cardinality,
            WIRES.get(proto.type, "VARINT"),
            proto.type_name,
            rule,
            self._comment(path),
            f"{where}.{proto.name}",
        )

    def _read_service(self, service, path):
        component = self.annotations.get(service.options, "component") or ""
        self.contract.service_comments[service.name] = self._comment(path)
        for i, method in enumerate(service.method):
            self.contract.rpcs.append(
                Rpc(
                    service.name,
                    method.name,
                    component,
                    method.input_type,
                    method.output_type,
                    self.annotations.get(method.options, "http"),
                    self.annotations.get(method.options, "not_implemented") or False,
                    self._comment(path + (2, i)),
                    f"{self.file}: rpc {service.name}.{method.name}",
                )
            )


def read(request_bytes):
    """(Contract, plugin parameter) of a serialized CodeGeneratorRequest."""
    request = plugin_pb2.CodeGeneratorRequest.FromString(request_bytes)
    by_name = {proto.name: proto for proto in request.proto_file}
    reader = _Reader(_Annotations(request))
    for name in request.file_to_generate:
        if name != OPTIONS_PROTO:
            reader.read_file(by_name[name])
    return reader.contract, request.parameter

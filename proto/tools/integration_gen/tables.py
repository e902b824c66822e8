"""tables.gen.h / tables.gen.c: a message_t with its field table for each message.

Where a field lies, how large it is and whether it stands behind a pointer is decided by nanopb's .options.
The generator does not repeat those rules: the C preprocessor reads them from the X-macro lists that nanopb
writes for every message (Signal_FIELDLIST), and the compiler does the arithmetic. A field that nanopb made a
callback, or a list or bytes field that is not behind a pointer, does not compile.
"""
from . import ctext
from .check import charset

# Members of field_rule_t that carry over as they are.
FLAGS = ("required", "ignore_case", "json_object", "output_only", "internal", "lenient", "omit_unset", "flatten")
LIMITS = ("min_length", "max_length", "min_items", "max_items")
TEXTS = ("charset", "words", "synonyms", "aliases")

LAYOUT = """\
/* Layout: constants layout_<Message>_<field>_{pointer,offset,count,size}, expanded from nanopb's lists. */
#define LAYOUT(s, atype, htype, ltype, name, tag) LAYOUT_##htype(s, atype, name)
#define LAYOUT_SINGULAR(s, atype, n) LAYOUT_ROW(s, n, n, atype, 0)
#define LAYOUT_OPTIONAL(s, atype, n) LAYOUT_ROW(s, n, n, atype, LAYOUT_HAS_##atype(s, n))
#define LAYOUT_REPEATED(s, atype, n) LAYOUT_ROW(s, n, n, LIST_##atype, offsetof(s, n##_count))
#define LAYOUT_ONEOF(s, atype, names) LAYOUT_MEMBER_1(s, atype, LAYOUT_BARE names)
#define LAYOUT_BARE(...) __VA_ARGS__
#define LAYOUT_MEMBER_1(...) LAYOUT_MEMBER_2(__VA_ARGS__)
#define LAYOUT_MEMBER_2(s, atype, u, n, member) LAYOUT_ROW(s, n, member, atype, offsetof(s, which_##u))
#define LAYOUT_HAS_STATIC(s, n) offsetof(s, has_##n)
#define LAYOUT_HAS_POINTER(s, n) 0
#define LAYOUT_ROW(s, n, member, atype, count) \\
    layout_##s##_##n##_pointer = LAYOUT_BEHIND_##atype, layout_##s##_##n##_offset = offsetof(s, member), \\
    layout_##s##_##n##_count = (count), layout_##s##_##n##_size = LAYOUT_SIZE_##atype(((s *)0)->member),
#define LAYOUT_BEHIND_STATIC 0
#define LAYOUT_BEHIND_POINTER 1
#define LAYOUT_BEHIND_LIST_POINTER 1
#define LAYOUT_SIZE_STATIC(field) sizeof(field)
#define LAYOUT_SIZE_POINTER(field) sizeof(*(field))
#define LAYOUT_SIZE_LIST_POINTER(field) sizeof(*(field))

#define FIELD(s, n, t, c, w, m, e, r) \\
    {.name = #n, .json_key = "\\"" #n "\\":", .name_length = sizeof #n - 1, .type = FIELD_##t, \\
     .cardinality = CARDINALITY_##c, .wire = WIRE_##w, .pointer = layout_##s##_##n##_pointer, .tag = s##_##n##_tag, \\
     .offset = layout_##s##_##n##_offset, .count_offset = layout_##s##_##n##_count, \\
     .size = layout_##s##_##n##_size, .message = m, .enum_names = e, .rule = r},

static const field_t fields_none[1];
"""


def header(contract):
    lines = [ctext.NOTE, "#pragma once\n\n", ctext.includes(contract, "message/message.h"), "\n"]
    for enum in contract.enums.values():
        lines.append(f"extern const char *const {enum.c_name}_names[]; /* by number, NULL-terminated */\n")
    lines += (f"const message_t *{m.c_name}_message(void);\n" for m in contract.messages.values())
    return "".join(lines)


def source(contract):
    rules = _Rules()
    body = "".join(_message(contract, m, rules) for m in contract.messages.values())
    parts = [ctext.NOTE, '#include "tables.gen.h"\n#include <stddef.h>\n\n', LAYOUT]
    parts += (_enum(e) for e in contract.enums.values())
    parts += [rules.text(), body, _all(contract)]
    return "".join(parts)


def _enum(enum):
    names = "".join(f"{ctext.literal(name)}, " for _, name in enum.values)
    return f"const char *const {enum.c_name}_names[] = {{{names}NULL}};\n"


class _Rules:
    """Rules by content, so that equal ones are written once."""

    def __init__(self):
        self.names = {"": "rule_0"}
        self.maps = {}

    def name(self, rule):
        return self.names.setdefault(self._initialiser(rule), f"rule_{len(self.names)}")

    def _map(self, text):
        return self.maps.setdefault(text, f"charset_{len(self.maps)}")

    def _initialiser(self, rule):
        parts = [f".{n} = true" for n in FLAGS if getattr(rule, n)]
        for bound in ("min", "max"):
            if rule.HasField(bound):
                parts.append(f".has_{bound} = true, .{bound} = {ctext.number(getattr(rule, bound))}")
        parts += [f".{n} = {getattr(rule, n)}" for n in LIMITS if getattr(rule, n)]
        parts += [f".{n} = {ctext.literal(getattr(rule, n))}" for n in TEXTS if getattr(rule, n)]
        if rule.charset:
            parts.append(f".charset_map = {self._map(rule.charset)}")
        return ", ".join(parts)

    def text(self):
        lines = []
        for text, name in self.maps.items():
            members = charset(text)
            words = [sum(1 << (b - 64 * w) for b in members if b // 64 == w) for w in range(4)]
            lines.append(f"static const uint64_t {name}[4] = {{{', '.join(f'{w:#x}' for w in words)}}};\n")
        lines += (f"static const field_rule_t {name} = {{{text or '0'}}};\n" for text, name in self.names.items())
        return "\n" + "".join(lines)


def _message(contract, message, rules):
    name = message.c_name
    lines = [f"\nenum {{ {name}_FIELDLIST(LAYOUT, {name}) layout_{name} }};\n"]
    if message.fields:
        lines.append(f"static const field_t fields_{name}[] = {{\n")
        lines += (_field(contract, message, field, rules) for field in message.fields)
        lines.append("};\n")
    lines += (
        f'_Static_assert(layout_{name}_{f.name}_pointer, "{f.where}: bytes fields must be FT_POINTER");\n'
        for f in message.fields
        if f.type == "BYTES"
    )
    fields = f"fields_{name}" if message.fields else "fields_none"
    lines.append(
        f"static const message_t message_{name} = {{{ctext.literal(message.name)}, {ctext.literal(message.full_name)}, "
        f"sizeof({name}), {fields}, {len(message.fields)}}};\n"
        f"const message_t *{name}_message(void) {{\n    return &message_{name};\n}}\n"
    )
    return "".join(lines)


def _field(contract, message, field, rules):
    element = contract.messages.get(field.type_name)
    enum = contract.enums.get(field.type_name)
    submessage = f"{element.c_name}_message" if element else "NULL"
    names = f"{enum.c_name}_names" if enum else "NULL"
    return (
        f"    FIELD({message.c_name}, {field.name}, {field.type}, {field.cardinality}, {field.wire}, {submessage}, {names}, "
        f"&{rules.name(field.rule)})\n"
    )


def _all(contract):
    ordered = sorted(contract.messages.values(), key=lambda m: m.full_name.encode())
    rows = "".join(f"    &message_{m.c_name},\n" for m in ordered)
    return f"\nconst message_t *const messages_all[] = {{\n{rows}}};\nconst size_t messages_count = {len(ordered)};\n"

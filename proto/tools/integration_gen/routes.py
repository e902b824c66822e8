"""routes.gen.h / routes.gen.c: an rpc_t for each method, with its HTTP binding if it has one."""
from . import ctext


def header(contract):
    lines = [ctext.NOTE, '#pragma once\n\n#include "message/route.h"\n#include "tables.gen.h"\n\n']
    lines += (f"extern const rpc_t rpc_{r.service}_{r.name};\n" for r in contract.rpcs)
    return "".join(lines)


def source(contract):
    lines = [ctext.NOTE, '#include "routes.gen.h"\n']
    lines += (_rpc(contract, rpc) for rpc in contract.rpcs)
    rows = "".join(f"    &rpc_{r.service}_{r.name},\n" for r in contract.rpcs)
    lines.append(f"\nconst rpc_t *const rpcs_all[] = {{\n{rows}    NULL,\n}};\n")
    lines.append(f"const size_t rpcs_count = {len(contract.rpcs)};\n")
    return "".join(lines)


def _rpc(contract, rpc):
    name = f"{rpc.service}_{rpc.name}"
    binding = _binding(rpc, name) if rpc.http else ""
    request, response = contract.messages[rpc.request], contract.messages[rpc.response]
    http = f"&http_{name}" if rpc.http else "NULL"
    return f"""
{binding}const rpc_t rpc_{name} = {{
    .service = {ctext.literal(rpc.service)},
    .name = {ctext.literal(rpc.name)},
    .component = {ctext.literal(rpc.component)},
    .topic = {ctext.literal(rpc.topic)},
    .summary = {ctext.literal(rpc.summary)},
    .request = {request.c_name}_message,
    .response = {response.c_name}_message,
    .http = {http},
    .not_implemented = {ctext.boolean(rpc.not_implemented)},
}};
"""


def _binding(rpc, name):
    http = rpc.http
    bound = "".join(f"{ctext.literal(p)}, " for p in rpc.path_parameters)
    return f"""static const char *const bound_{name}[] = {{{bound}NULL}};
static const http_binding_t http_{name} = {{
    .method = HTTP_{http.method},
    .path = {ctext.literal(http.path)},
    .also_at = {ctext.string(http.also_at)},
    .scope = SCOPE_{http.scope.upper()},
    .deadline_ms = {http.deadline_ms or 5000},
    .status = {http.status or 200},
    .text = {ctext.literal(http.message)},
    .data_field = {ctext.string(http.data_field)},
    .total_field = {ctext.string(http.total_field)},
    .location = {ctext.string(http.location)},
    .when_body_has = {ctext.string(http.when_body_has)},
    .document = {ctext.string(http.document)},
    .null_data = {ctext.boolean(http.null_data)},
    .body_optional = {ctext.boolean(http.body_optional)},
    .bound = bound_{name},
}};
"""

/* Writing the JSON bodies of answers. */
#include "gateway/envelope.h"

#include "base/clock.h"
#include "base/json.h"
#include "bus/fault.h"
#include "gateway/uri.h"
#include <stdlib.h>
#include <string.h>

static void s_timestamp(buf_t *out, int64_t now_ms) {
    char text[CLOCK_RFC3339_SIZE];
    size_t length = clock_format_ms(now_ms, text);
    buf_append_str(out, ",\"timestamp\":\"");
    buf_append(out, text, length);
    buf_append_char(out, '"');
}

void envelope_success(buf_t *out, const rpc_t *rpc, const void *response, int64_t now_ms) {
    buf_append_str(out, "{\"success\":true,\"data\":");
    if (rpc->http->null_data)
        buf_append_str(out, "null");
    else if (rpc->http->data_field)
        json_encode_field(rpc->response(), response, rpc->http->data_field, out);
    else
        json_encode(rpc->response(), response, out);
    buf_append_str(out, ",\"message\":");
    json_write_str(out, rpc->http->text ? rpc->http->text : "");
    s_timestamp(out, now_ms);
    buf_append_char(out, '}');
}

static void s_details(buf_t *out, const Fault *fault) {
    buf_append_str(out, ",\"details\":[");
    for (pb_size_t i = 0; i < fault->details_count; i++) {
        const FieldProblem *detail = &fault->details[i];
        buf_append_str(out, i ? ",{\"field\":" : "{\"field\":");
        json_write_str(out, detail->field ? detail->field : "");
        buf_append_str(out, ",\"problem\":");
        json_write_str(out, detail->problem ? detail->problem : "");
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

static void s_code_time_and_id(buf_t *out, const Fault *fault, const char *request_id, int64_t now_ms) {
    buf_append_str(out, ",\"error_code\":");
    json_write_str(out, fault->code);
    s_timestamp(out, now_ms);
    buf_append_str(out, ",\"request_id\":");
    json_write_str(out, request_id);
    s_details(out, fault);
    buf_append_char(out, '}');
}

static const char *s_sentence(const Fault *fault) {
    return fault->message ? fault->message : err_text(err_from_name(fault->code));
}

void envelope_error(buf_t *out, const Fault *fault, const char *request_id, int64_t now_ms) {
    buf_append_str(out, "{\"success\":false,\"error\":");
    json_write_str(out, s_sentence(fault));
    s_code_time_and_id(out, fault, request_id, now_ms);
}

void envelope_problem(buf_t *out, const Fault *fault, const char *request_id, const char *instance,
                      int64_t now_ms) {
    err_t err = err_from_name(fault->code);
    buf_append_str(out, "{\"type\":\"urn:integration:error:");
    buf_append_str(out, fault->code);
    buf_append_str(out, "\",\"title\":");
    json_write_str(out, err_text(err));
    buf_printf(out, ",\"status\":%d,\"detail\":", err_http_status(err));
    json_write_str(out, s_sentence(fault));
    buf_append_str(out, ",\"instance\":");
    json_write_str(out, instance);
    s_code_time_and_id(out, fault, request_id, now_ms);
}

int envelope_status(const rpc_t *rpc, Outcome outcome) {
    switch (outcome) {
    case Outcome_OUTCOME_CREATED: return 201;
    case Outcome_OUTCOME_ACCEPTED: return 202;
    default: return rpc->http->status ? rpc->http->status : 200;
    }
}

void envelope_field_text(buf_t *out, const message_t *message, const void *value, const char *field) {
    buf_t json = BUF_INIT;
    json_encode_field(message, value, field, &json);
    if (json.size >= 2 && json.data[0] == '"') {
        char *text = malloc(json.size);
        assert_always(text);
        buf_append(out, text, json_unescape(json.data + 1, json.size - 2, text));
        free(text);
    } else if (strcmp(buf_str(&json), "null") != 0) {
        buf_append(out, json.data, json.size);
    }
    buf_free(&json);
}

bool envelope_location(buf_t *out, const rpc_t *rpc, const void *response) {
    bool complete = rpc->http->location != NULL;
    for (const char *c = rpc->http->location; complete && *c;) {
        size_t literal = strcspn(c, "{");
        buf_append(out, c, literal);
        c += literal;
        size_t length = strcspn(c, "}");
        if (*c == '\0' || length > 64)
            break;
        char field[64] = "";
        memcpy(field, c + 1, length - 1);
        buf_t text = BUF_INIT;
        envelope_field_text(&text, rpc->response(), response, field);
        complete = text.size > 0;
        uri_encode(out, buf_str(&text), text.size);
        buf_free(&text);
        c += length + 1;
    }
    return complete;
}

static void s_add_detail(Fault *fault, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void s_add_detail(Fault *fault, const char *field, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fault_add_detail(fault, field, format, args);
    va_end(args);
}

void envelope_take_problems(Fault *fault, problems_t *problems) {
    for (size_t i = 0; i < problems->count; i++)
        s_add_detail(fault, problems->items[i].field, "%s", problems->items[i].problem);
    if (problems->found > problems->count)
        s_add_detail(fault, "", "and %zu more problems", problems->found - problems->count);
    problems_free(problems);
}

err_t envelope_fault(Fault *fault, err_t err, const char *format, ...) {
    if (format) {
        va_list args;
        va_start(args, format);
        fault_set_message(fault, format, args);
        va_end(args);
    }
    fault_fill(fault, err);
    return err;
}

/* Messages of the stream as text. */
#include "cli/print.h"

#include "base/clock.h"
#include "base/json.h"
#include "message/json_codec.h"
#include "tables.gen.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* No message begins with this byte, but every JSON object does. */
static bool s_is_json(const received_t *message) {
    return message->payload_size > 0 && message->payload[0] == '{';
}

/* The payload as a struct, to be freed; NULL when its schema is not known or it is not such a message. */
static void *s_decode(const received_t *message, const message_t **type) {
    *type = message_find(message->header.schema);
    if (!*type)
        return NULL;
    void *value = message_new(*type);
    err_t err;
    if (s_is_json(message)) {
        problems_t problems = PROBLEMS_INIT;
        err = json_decode(*type, message->payload, message->payload_size, value, &problems);
        problems_free(&problems);
    } else {
        err = message_decode(*type, message->payload, message->payload_size, value);
    }
    if (err != OK)
        message_free(*type, &value);
    return value;
}

/* ---- for people ---- */

static const char *s_or_dash(bool has, const char *text) {
    return has && text && *text ? text : "-";
}

static void s_print_signal(const Signal *signal, buf_t *out) {
    buf_printf(out, " %-4s %s strength=%.3f confidence=%.3f priority=%d %s",
               s_or_dash(signal->has_side, signal->side), s_or_dash(signal->has_symbol, signal->symbol),
               signal->strength, signal->confidence, (int)signal->priority, signal->status);
    buf_printf(out, " %s from %s", signal->signal_type, signal->source);
}

/* null, "", {}, [], false and 0 say nothing. */
static bool s_says_nothing(const char *json) {
    static const char *const nothing[] = {"null", "\"\"", "{}", "[]", "false", "0"};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        if (strcmp(json, nothing[i]) == 0)
            return true;
    return false;
}

static void s_print_fields(const message_t *type, const void *value, buf_t *out) {
    buf_t field = BUF_INIT;
    for (size_t i = 0; i < type->field_count; i++) {
        buf_clear(&field);
        json_encode_field(type, value, type->fields[i].name, &field);
        if (!s_says_nothing(buf_str(&field)))
            buf_printf(out, " %s=%s", type->fields[i].name, buf_str(&field));
    }
    buf_free(&field);
}

void print_line(const received_t *message, buf_t *out) {
    char time[CLOCK_RFC3339_SIZE];
    const message_t *type;
    void *value = s_decode(message, &type);
    clock_format_ms(message->header.published_at_us / 1000, time);
    buf_printf(out, "%s #%" PRIu64 " %s", time, message->header.seq, message->topic);
    if (!value)
        buf_printf(out, " (%s, %zu bytes)", *message->header.schema ? message->header.schema : "no schema",
                   message->payload_size);
    else if (type == Signal_message())
        s_print_signal(value, out);
    else
        s_print_fields(type, value, out);
    if (message->header.replay)
        buf_append_str(out, " (replay)");
    buf_append_char(out, '\n');
    if (value)
        message_free(type, &value);
}

/* ---- for programs ---- */

static void s_append_payload(const received_t *message, buf_t *out) {
    const message_t *type;
    void *value = NULL;
    if (s_is_json(message) && json_valid(message->payload, message->payload_size, NULL)) {
        buf_append(out, message->payload, message->payload_size);
        return;
    }
    value = s_decode(message, &type);
    if (value)
        json_encode(type, value, out);
    else
        buf_append_str(out, "null");
    if (value)
        message_free(type, &value);
}

void print_json(const received_t *message, buf_t *out) {
    const StreamHeader *header = &message->header;
    buf_append_str(out, "{\"topic\":");
    json_write_str(out, message->topic);
    buf_printf(out, ",\"epoch\":%" PRIu64 ",\"seq\":%" PRIu64 ",\"topic_seq\":%" PRIu64, header->epoch,
               header->seq, header->topic_seq);
    buf_printf(out, ",\"published_at_us\":%" PRId64 ",\"schema\":", header->published_at_us);
    json_write_str(out, header->schema);
    buf_append_str(out, ",\"traceparent\":");
    json_write_str(out, header->traceparent);
    buf_printf(out, ",\"replay\":%s,\"payload\":", header->replay ? "true" : "false");
    s_append_payload(message, out);
    buf_append_str(out, "}\n");
}

/* Messages as text. A payload is the protobuf message that header.schema names, or JSON where the service is set to
 * it. Signal is read here; other messages are read the same way. */
#include "print.h"

#include "integration/v1/signals.pb.h"
#include <inttypes.h>
#include <pb_decode.h>

static bool s_is_json(const subscriber_message_t *message) {
    return message->size > 0 && message->payload[0] == '{';
}

/* False when it is no signal. Else pb_release (Signal_fields, signal) frees what it points to. */
static bool s_read_signal(const subscriber_message_t *message, Signal *signal) {
    *signal = (Signal)Signal_init_zero;
    if (s_is_json(message) || strcmp(message->header.schema, "integration.v1.Signal") != 0)
        return false;
    pb_istream_t stream = pb_istream_from_buffer(message->payload, message->size);
    return pb_decode(&stream, Signal_fields, signal); /* which releases it when it fails */
}

static void s_put_json_text(const char *text) {
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else if (*at < ' ')
            printf("\\u%04x", *at);
        else
            putchar(*at);
    putchar('"');
}

static void s_put_field(const char *name, const char *text) {
    printf(",\"%s\":", name);
    s_put_json_text(text);
}

static void s_put_json_payload(const subscriber_message_t *message) {
    Signal signal;
    if (s_is_json(message)) {
        fwrite(message->payload, 1, message->size, stdout);
    } else if (s_read_signal(message, &signal)) {
        printf("{\"strength\":%g,\"confidence\":%g,\"priority\":%" PRId32, signal.strength, signal.confidence,
               signal.priority);
        s_put_field("signal_id", signal.signal_id);
        s_put_field("source", signal.source);
        s_put_field("target", signal.target);
        if (signal.has_symbol)
            s_put_field("symbol", signal.symbol);
        if (signal.has_side)
            s_put_field("side", signal.side);
        s_put_field("status", signal.status);
        putchar('}');
        pb_release(Signal_fields, &signal);
    } else {
        printf("null");
    }
}

static void s_print_json(const subscriber_message_t *message) {
    const StreamHeader *header = &message->header;
    printf("{\"topic\":");
    s_put_json_text(message->topic);
    printf(",\"epoch\":%" PRIu64 ",\"seq\":%" PRIu64 ",\"topic_seq\":%" PRIu64
           ",\"published_at_us\":%" PRId64,
           header->epoch, header->seq, header->topic_seq, header->published_at_us);
    s_put_field("schema", header->schema);
    printf(",\"replay\":%s,\"payload\":", header->replay ? "true" : "false");
    s_put_json_payload(message);
    printf("}\n");
}

static void s_print_line(const subscriber_message_t *message) {
    Signal signal;
    printf("#%" PRIu64 " %s", message->header.seq, message->topic);
    if (s_read_signal(message, &signal)) {
        printf(" %s %s strength=%g confidence=%g %s", signal.has_side ? signal.side : "-",
               signal.has_symbol ? signal.symbol : "-", signal.strength, signal.confidence, signal.status);
        pb_release(Signal_fields, &signal);
    } else {
        printf(" %s, %zu bytes", message->header.schema, message->size);
    }
    putchar('\n');
}

bool print_message(const subscriber_message_t *message, bool as_json) {
    if (as_json)
        s_print_json(message);
    else
        s_print_line(message);
    return fflush(stdout) == 0;
}

/* Defaults are filled in after the body was hashed: two bodies that say the same stay equal. */
#include "signals/admission.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "signals/field_check.h"
#include <string.h>

enum { DEFAULT_PRIORITY = 3 };

/* Both are char arrays of the same field, so of the same size. */
#define COPY_OPTIONAL(to, from, field)                             \
    do {                                                           \
        if (((to)->has_##field = (from)->has_##field))             \
            memcpy((to)->field, (from)->field, sizeof(to)->field); \
    } while (0)

static bool s_times_make_sense(const admission_t *self, const RouteSignalRequest *request,
                               problems_t *problems) {
    bool ok = true;
    if (request->has_timestamp && request->timestamp > self->now_ms + ADMISSION_AHEAD_MS) {
        char latest[CLOCK_RFC3339_SIZE];
        clock_format_ms(self->now_ms + ADMISSION_AHEAD_MS, latest);
        problems_add(problems, "timestamp", "must be at most %d seconds ahead, so not after %s",
                     ADMISSION_AHEAD_MS / 1000, latest);
        ok = false;
    }
    /* One that has expired by now is told so, whenever it was made. */
    if (request->has_timestamp && request->has_expiry_time && request->expiry_time < request->timestamp &&
        request->expiry_time > self->now_ms) {
        problems_add(problems, "expiry_time", "must not be before timestamp");
        ok = false;
    }
    return ok;
}

/* The cycle that made the signal stands in its metadata; anything else than a short string is free-form text. */
static void s_find_cycle(Signal *signal) {
    json_reader_t reader;
    json_reader_init(&reader, signal->metadata, strlen(signal->metadata));
    if (json_next(&reader) != JSON_OBJECT_BEGIN)
        return;
    while (json_next(&reader) == JSON_KEY) {
        bool found = reader.length == 8 && memcmp(reader.text, "cycle_id", 8) == 0;
        json_event_t event = json_next(&reader);
        if (found && event == JSON_EVENT_STRING && !reader.escaped && reader.length &&
            reader.length < sizeof signal->cycle_id) {
            memcpy(signal->cycle_id, reader.text, reader.length);
            signal->has_cycle_id = true;
            return;
        }
        if (!json_skip(&reader, event))
            return;
    }
}

static void s_identify(const RouteSignalRequest *request, Signal *signal) {
    if (request->has_signal_id)
        memcpy(signal->signal_id, request->signal_id, sizeof signal->signal_id);
    if (request->has_source)
        memcpy(signal->source, request->source, sizeof signal->source);
    if (request->has_target)
        memcpy(signal->target, request->target, sizeof signal->target);
}

static void s_fill(const admission_t *self, const RouteSignalRequest *request, Signal *signal) {
    if (!request->has_signal_id)
        ids_uuid7(signal->signal_id);
    memcpy(signal->signal_type, request->signal_type, sizeof signal->signal_type);
    signal->strength = request->strength;
    signal->confidence = request->confidence;
    signal->timestamp = request->has_timestamp ? request->timestamp : self->now_ms;
    signal->expiry_time = request->has_expiry_time ? request->expiry_time : self->now_ms + self->ttl_ms;
    signal->priority = request->has_priority ? request->priority : DEFAULT_PRIORITY;
    COPY_OPTIONAL(signal, request, symbol);
    COPY_OPTIONAL(signal, request, side);
    COPY_OPTIONAL(signal, request, horizon);
    COPY_OPTIONAL(signal, request, group_id);
    COPY_OPTIONAL(signal, request, dedup_key);
    signal->has_source_seq = request->has_source_seq;
    signal->source_seq = request->source_seq;
    signal->data = message_strdup(request->data ? request->data : "{}");
    signal->metadata = message_strdup(request->metadata ? request->metadata : "{}");
    MESSAGE_PUT(signal->routing_id, self->routing_id);
    signal->received_at = self->now_ms;
    if (request->metadata)
        s_find_cycle(signal);
}

err_t admission_check(const admission_t *self, const RouteSignalRequest *request, Signal *signal,
                      uint64_t *body_hash, problems_t *problems) {
    s_identify(request, signal);
    /* What the gateway found wrong is missing from the struct: the same problem would be found twice. */
    bool ok = request->problems_count == 0 && field_check(request, body_hash, problems);
    ok = s_times_make_sense(self, request, problems) && ok;
    if (!ok)
        return ERR_VALIDATION_FAILED;
    s_fill(self, request, signal);
    return signal->expiry_time <= self->now_ms ? ERR_SIGNAL_EXPIRED : OK;
}

/* Idempotency keys: begun, answered or released. */
#include "base/clock.h"
#include "routes.gen.h"
#include "store/store_private.h"
#include "store/writer.h"
#include "tables.gen.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    IdempotencyState *state;
    uint64_t body_hash;
    bool found;
} lookup_t;

/* Columns of idempotency_get. */
static bool s_take_answer(void *context, const value_t *values, size_t count) {
    lookup_t *self = context;
    assert_always(count == 5);
    self->found = true;
    if ((uint64_t)values[0].integer != self->body_hash) {
        self->state->state = message_strdup("mismatch");
        return false;
    }
    self->state->state = message_strdup("replay");
    size_t size =
        values[1].size < sizeof self->state->schema ? values[1].size : sizeof self->state->schema - 1;
    memcpy(self->state->schema, values[1].bytes, size);
    self->state->schema[size] = '\0';
    self->state->payload = message_bytes(values[2].bytes, values[2].size);
    self->state->outcome = (Outcome)values[3].integer;
    self->state->asked_at_ms = values[4].integer;
    return false;
}

static err_t s_begin(writer_t *self, call_t *call, idempotency_key_t key, uint64_t body_hash,
                     IdempotencyState *state) {
    uint64_t running_hash;
    if (running_keys_find(self->running, key, &running_hash)) {
        state->state = message_strdup(running_hash == body_hash ? "running" : "mismatch");
        return OK;
    }
    const value_t params[] = {value_text(key.principal), value_text(key.operation), value_text(key.key),
                              VALUE_OF_INT(clock_wall_ms() - IDEMPOTENCY_KEPT_MS)};
    lookup_t lookup = {.state = state, .body_hash = body_hash};
    err_t err =
        engine_query(self->link.engine, statement_find("idempotency_get"), params, 4, s_take_answer, &lookup);
    if (err != OK) {
        if (!self->link.engine->alive)
            writer_disconnect(self);
        return writer_refuse(self, call);
    }
    if (lookup.found)
        return OK;
    state->state = message_strdup("started");
    return running_keys_add(self->running, key, body_hash, clock_mono_us());
}

static const char *s_word(const char *text) {
    return text ? text : "";
}

err_t idempotency_begin(actor_t *actor, call_t *call, const void *request_, void *response) {
    writer_t *self = actor_state(actor);
    const IdempotencyBegin *request = request_;
    idempotency_key_t key = {s_word(request->principal), s_word(request->operation), s_word(request->key)};
    if (!self->link.engine)
        return writer_refuse(self, call);
    return s_begin(self, call, key, request->body_hash, response);
}

/* What the answer is kept under, as the call's envelope would say it. */
static bool s_envelope(const IdempotencyEnd *request, uint64_t body_hash, Envelope *envelope) {
    envelope->body_hash = body_hash;
    envelope->asked_at_ms = request->asked_at_ms;
    return MESSAGE_SET(envelope->principal.name, s_word(request->principal)) &&
           MESSAGE_SET(envelope->operation, s_word(request->operation)) &&
           MESSAGE_SET(envelope->idempotency_key, s_word(request->key));
}

err_t idempotency_end(actor_t *actor, call_t *call, const void *request_, void *response) {
    writer_t *self = actor_state(actor);
    const IdempotencyEnd *request = request_;
    idempotency_key_t key = {s_word(request->principal), s_word(request->operation), s_word(request->key)};
    Envelope envelope = Envelope_init_zero;
    uint64_t body_hash;
    (void)response;
    if (!running_keys_find(self->running, key, &body_hash))
        return OK; /* given up before, or ended with its effect */
    if (request->release || !s_envelope(request, body_hash, &envelope)) {
        running_keys_remove(self->running, key);
        return request->release ? OK
                                : call_explain(call, ERR_VALIDATION_FAILED, "a part of the key is too long");
    }
    if (!self->link.engine) {
        running_keys_remove(self->running, key);
        return writer_refuse(self, call);
    }
    store_write_t *write = store_write_new();
    store_write_answer_op(write, "idempotency_final", &envelope, request->schema,
                          request->payload ? request->payload->bytes : (const void *)"",
                          request->payload ? request->payload->size : 0, request->outcome);
    StoreWrite message = store_write_take(&write);
    writer_add(self, call, PENDING_END, &message);
    return ERR_PENDING;
}

static void s_copy_text(const value_t *value, buf_t *out) {
    buf_append(out, value->bytes, value->size);
    buf_append(out, "", 1);
}

/* Parameters of idempotency_answer and _final: principal, operation, key. */
static void s_release(writer_t *self, const value_t *values) {
    buf_t text = BUF_INIT;
    size_t at[3];
    for (int i = 0; i < 3; i++) {
        at[i] = text.size;
        s_copy_text(&values[i], &text);
    }
    running_keys_remove(self->running,
                        (idempotency_key_t){text.data + at[0], text.data + at[1], text.data + at[2]});
    buf_free(&text);
}

/* A unit that failed leaves its key running: whoever answers the call ends it. That an end was not stored leaves
 * nobody to do so. */
void idempotency_release_ended(writer_t *self, bool stored) {
    const statement_t *answer = statement_find("idempotency_answer"),
                      *final = statement_find("idempotency_final");
    for (size_t p = 0; p < self->pending_count; p++)
        for (size_t u = 0; u < self->pending[p].write.units_count; u++) {
            const group_unit_t *unit = group_unit(self->group, self->pending[p].first_unit + u);
            for (size_t i = 0; i < unit->op_count; i++) {
                const group_op_t *op = group_op(self->group, unit->first_op + i);
                bool ends =
                    op->run.statement == final || (op->run.statement == answer && stored && unit->err == OK);
                if (ends)
                    s_release(self, op->values);
            }
        }
}

/* Events that change what an earlier one published: its payload, of which the store keeps the bytes, is put before
 * theirs. One query for a group. */
#include "store/group_private.h"

#include "message/message.h"
#include <inttypes.h>
#include <stdlib.h>

typedef struct {
    group_op_t **ops; /* by base_seq */
    size_t count;
    buf_t whole; /* a payload while it is put together */
} bases_t;

static uint64_t s_base(const group_op_t *op) {
    return op->source->event->base_seq;
}

static int s_compare(const void *a, const void *b) {
    uint64_t x = s_base(*(group_op_t *const *)a), y = s_base(*(group_op_t *const *)b);
    return (x > y) - (x < y);
}

static void s_collect(const group_t *self, bases_t *bases) {
    bases->ops = calloc(self->base_count, sizeof *bases->ops);
    assert_always(bases->ops);
    for (size_t i = 0; i < self->op_count; i++)
        if (self->ops[i].source->event && s_base(&self->ops[i]))
            bases->ops[bases->count++] = &self->ops[i];
    qsort(bases->ops, bases->count, sizeof *bases->ops, s_compare);
}

/* The seqs as a JSON array, each once. */
static void s_list(const bases_t *bases, buf_t *list) {
    for (size_t i = 0; i < bases->count; i++)
        if (i == 0 || s_base(bases->ops[i]) != s_base(bases->ops[i - 1]))
            buf_printf(list, "%c%" PRIu64, i ? ',' : '[', s_base(bases->ops[i]));
    buf_append_char(list, ']');
}

static size_t s_first(const bases_t *bases, uint64_t seq) {
    size_t low = 0, high = bases->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s_base(bases->ops[middle]) < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Columns of stream_payloads. */
static bool s_take(void *context, const value_t *values, size_t count) {
    bases_t *self = context;
    assert_always(count == 2);
    uint64_t seq = (uint64_t)values[0].integer;
    for (size_t i = s_first(self, seq); i < self->count && s_base(self->ops[i]) == seq; i++) {
        StoreEvent *event = self->ops[i]->source->event;
        buf_clear(&self->whole);
        buf_append(&self->whole, values[1].bytes, values[1].size);
        if (event->payload)
            buf_append(&self->whole, event->payload->bytes, event->payload->size);
        free(event->payload);
        event->payload = message_bytes(buf_str(&self->whole), self->whole.size);
        self->ops[i]->base = values[1].size;
    }
    return true;
}

err_t group_load_bases(group_t *self, engine_t *engine) {
    bases_t bases = {0};
    buf_t list = BUF_INIT;
    if (!self->base_count)
        return OK;
    s_collect(self, &bases);
    s_list(&bases, &list);
    const value_t seqs = value_text(buf_str(&list));
    err_t err =
        bases.count ? engine_query(engine, statement_find("stream_payloads"), &seqs, 1, s_take, &bases) : OK;
    for (size_t i = 0; i < bases.count && err == OK; i++)
        bases.ops[i]->source->event->base_seq = 0;
    self->base_count = err == OK ? 0 : self->base_count;
    free(bases.ops);
    buf_free(&bases.whole);
    buf_free(&list);
    return err;
}

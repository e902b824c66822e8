/* Counting from the history what was stored since the last flush. */
#include "signals/stats/stats_private.h"

#include "message/message.h"
#include "store/store.h"
#include <string.h>

enum { STEP_SEQS = 5000 /* as many rows at most */ };

static signal_stats_t *s_stats(actor_t *actor) {
    return ((signals_t *)actor_state(actor))->stats;
}

static void s_step(actor_t *actor, signal_stats_t *self);

/* Columns of signals_counts_between. */
enum { COLUMN_MINUTE, COLUMN_STATUS, COLUMN_SOURCE, COLUMN_TARGET, COLUMN_TYPE, COLUMN_SIDE, COLUMN_COUNT };

static void s_count_row(signal_stats_t *self, const store_row_t *row) {
    uint64_t count = (uint64_t)store_row_int(row, COLUMN_COUNT);
    tally_t *tally = signal_stats_at(self, store_row_int(row, COLUMN_MINUTE) * STATS_MINUTE_MS);
    tally_add(tally, signal_stats_decided(store_row_text(row, COLUMN_STATUS)), count);
    tally_add_name(tally, TALLY_SOURCE, store_row_text(row, COLUMN_SOURCE), count);
    tally_add_name(tally, TALLY_TARGET, store_row_text(row, COLUMN_TARGET), count);
    tally_add_name(tally, TALLY_TYPE, store_row_text(row, COLUMN_TYPE), count);
    if (!store_row_is_null(row, COLUMN_SIDE))
        tally_add_name(tally, TALLY_SIDE, store_row_text(row, COLUMN_SIDE), count);
    self->total += (int64_t)count;
}

static int64_t s_step_end(const signal_stats_t *self) {
    int64_t end = self->noted_seq + STEP_SEQS;
    return end < self->up_to_seq ? end : self->up_to_seq;
}

static void s_on_counts(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)context;
    signal_stats_t *self = s_stats(actor);
    const StoreRows *rows = response;
    if (err != OK) {
        self->done(actor, err, fault->message);
        return;
    }
    for (size_t i = 0; i < rows->rows_count; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        assert_always(row);
        s_count_row(self, row);
        store_row_destroy(&row);
    }
    self->noted_seq = s_step_end(self);
    s_step(actor, self);
}

static void s_step(actor_t *actor, signal_stats_t *self) {
    if (self->noted_seq < self->up_to_seq) {
        store_query(actor, "signals_counts_between", STEP_SEQS, NULL, s_on_counts, NULL, "ii",
                    self->noted_seq, s_step_end(self));
        return;
    }
    self->done(actor, OK, NULL);
}

static void s_on_marks(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)context;
    signal_stats_t *self = s_stats(actor);
    const StoreRows *rows = response;
    store_row_t *row = err == OK && rows->rows_count ? store_row_new(rows->rows[0]) : NULL;
    if (!row) {
        self->done(actor, err != OK ? err : ERR_INTERNAL, err != OK ? fault->message : NULL);
        return;
    }
    if (!self->known) {
        self->number = store_row_int(row, 0);
        self->noted_seq = store_row_int(row, 1);
        self->total = store_row_int(row, 2);
        self->known = true;
    }
    self->up_to_seq = store_row_int(row, 3);
    signal_stats_set_removed(self, store_row_int(row, 4));
    store_row_destroy(&row);
    s_step(actor, self);
}

/* The mark is read before any signal is routed: what is up to it is counted here, what is after it when it is stored. */
void signal_stats_restore(actor_t *actor, signal_stats_done_fn *done) {
    signal_stats_t *self = s_stats(actor);
    self->done = done;
    store_query(actor, "signal_stats_marks", 1, NULL, s_on_marks, NULL, "");
}

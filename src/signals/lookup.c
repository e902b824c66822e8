/* At most LOOKUPS_MAX queries at a time; the rest wait in line, bounded by the requests under way. */
#include "signals/lookup.h"

#include "message/message.h"
#include "signals/dedup.h"
#include "signals/signal_row.h"
#include "tables.gen.h"
#include <stdlib.h>

enum { LOOKUPS_MAX = 256 };

struct lookup_s {
    route_t *route;
    item_t *item;
    bool by_key; /* else by signal_id */
    lookup_t *next;
};

static void s_enqueue(signals_t *state, lookup_t *lookup) {
    lookup->next = NULL;
    if (state->last_lookup)
        state->last_lookup->next = lookup;
    else
        state->first_lookup = lookup;
    state->last_lookup = lookup;
}

static lookup_t *s_dequeue(signals_t *state) {
    lookup_t *lookup = state->first_lookup;
    state->first_lookup = lookup->next;
    if (!state->first_lookup)
        state->last_lookup = NULL;
    return lookup;
}

static void s_become_duplicate(item_t *item, const store_row_t *row) {
    Signal first = Signal_init_zero;
    err_t err = signal_row_read(row, &first);
    message_free(Decision_message(), (void **)&item->decision);
    if (err == OK) {
        message_release(Signal_message(), &item->signal);
        item->signal = first;
        item->decision = signal_row_decision(row);
        item->state = ITEM_DUPLICATE;
    } else {
        message_release(Signal_message(), &first);
        item_refuse(item, err, NULL);
    }
}

static void s_judge(actor_t *actor, const route_t *route, item_t *item, const store_row_t *row) {
    dedup_t verdict = dedup_judge(signal_row_body_hash(row), signal_row_received_at(row), item->body_hash,
                                  route->now_ms, actor_config(actor)->signals_dedup_window_seconds * 1000);
    if (verdict == DEDUP_DUPLICATE)
        s_become_duplicate(item, row);
    else
        item_refuse(item, ERR_SIGNAL_ID_REUSED, dedup_reason(verdict));
}

static void s_not_found(item_t *item) {
    if (item->err != OK)
        item_refuse(item, item->err, NULL);
    else
        item->state = ITEM_OPEN;
}

static void s_send(actor_t *actor, lookup_t *lookup);

static void s_done(actor_t *actor, lookup_t *lookup) {
    signals_t *state = actor_state(actor);
    route_t *route = lookup->route;
    free(lookup);
    while (state->first_lookup && state->lookups_under_way < LOOKUPS_MAX)
        s_send(actor, s_dequeue(state));
    if (--route->lookups == 0)
        routing_advance(actor, route);
}

/* True when there is another name to look for. */
static bool s_try_key(lookup_t *lookup) {
    if (lookup->by_key || !lookup->item->signal.has_dedup_key)
        return false;
    return lookup->by_key = true;
}

static void s_on_rows(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    signals_t *state = actor_state(actor);
    lookup_t *lookup = context;
    const StoreRows *rows = response;
    state->lookups_under_way--;
    if (err == OK && rows->rows_count == 0 && s_try_key(lookup)) {
        s_send(actor, lookup);
        return;
    }
    if (err != OK) {
        item_refuse(lookup->item, err, NULL);
        lookup->route->failure = err;
    } else if (rows->rows_count == 0) {
        s_not_found(lookup->item);
    } else {
        store_row_t *row = store_row_new(rows->rows[0]);
        if (row)
            s_judge(actor, lookup->route, lookup->item, row);
        else
            item_refuse(lookup->item, ERR_INTERNAL, NULL);
        store_row_destroy(&row);
    }
    s_done(actor, lookup);
}

static void s_send(actor_t *actor, lookup_t *lookup) {
    signals_t *state = actor_state(actor);
    const Signal *signal = &lookup->item->signal;
    actor_request_options_t options = {.on_behalf = lookup->route->call};
    state->lookups_under_way++;
    if (lookup->by_key)
        store_query(actor, "signal_by_dedup_key", 1, &options, s_on_rows, lookup, "ss", signal->source,
                    signal->dedup_key);
    else
        store_query(actor, "signal_by_id", 1, &options, s_on_rows, lookup, "s", signal->signal_id);
}

bool lookup_begin(actor_t *actor, route_t *route, size_t index) {
    signals_t *state = actor_state(actor);
    item_t *item = &route->items[index];
    if (!item->sent_id && !item->signal.has_dedup_key) {
        s_not_found(item);
        return false;
    }
    lookup_t *lookup = calloc(1, sizeof *lookup);
    assert_always(lookup);
    lookup->route = route;
    lookup->item = item;
    lookup->by_key = !item->sent_id;
    route->lookups++;
    if (state->lookups_under_way < LOOKUPS_MAX)
        s_send(actor, lookup);
    else
        s_enqueue(state, lookup);
    return true;
}

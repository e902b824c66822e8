/* At most LOOKUPS_MAX queries at a time; the rest wait in line, bounded by the requests under way. */
#include "signals/lookup.h"

#include "message/message.h"
#include "signals/conflict_row.h"
#include "signals/dedup.h"
#include "signals/signal_row.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

enum { LOOKUPS_MAX = 256, CONFLICTS_MOST = 1000 /* of one signal */ };

typedef enum { ASK_ID, ASK_KEY, ASK_CONFLICTS } ask_t;

struct lookup_s {
    route_t *route;
    item_t *item;
    ask_t ask; /* CONFLICTS: of the signal that was found */
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

static void s_take_decision(item_t *item, const store_row_t *row) {
    Decision *decision = signal_row_decision(row);
    item_drop_verdict(item);
    if (!decision)
        return;
    item->verdict = calloc(1, sizeof *item->verdict);
    assert_always(item->verdict);
    item->verdict->decision = *decision;
    free(decision); /* what it points to has moved */
}

static void s_become_duplicate(item_t *item, const store_row_t *row) {
    Signal first = Signal_init_zero;
    err_t err = signal_row_read(row, &first);
    if (err == OK) {
        message_release(Signal_message(), &item->signal);
        item->signal = first;
        s_take_decision(item, row);
        item->state = ITEM_DUPLICATE;
    } else {
        message_release(Signal_message(), &first);
        item_refuse(item, err, NULL);
    }
}

/* The first answer told what was resolved then, and not what was later. */
static void s_take_conflict(verdict_t *verdict, const store_row_t *row) {
    Conflict *conflict = &verdict->conflicts[verdict->conflict_count];
    if (conflict_row_read(row, conflict) != OK) {
        message_release(Conflict_message(), conflict);
        return;
    }
    verdict->conflict_count++;
    if (conflict->resolution && conflict->resolution->timestamp > conflict->detected_at) {
        message_free(Resolution_message(), (void **)&conflict->resolution);
        MESSAGE_PUT(conflict->status, "open");
    }
}

static void s_take_conflicts(item_t *item, const StoreRows *rows) {
    verdict_t *verdict = item->verdict;
    verdict->conflicts = message_list(rows->rows_count, sizeof *verdict->conflicts);
    for (size_t i = 0; i < rows->rows_count; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        if (row)
            s_take_conflict(verdict, row);
        store_row_destroy(&row);
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

static void s_take_row(actor_t *actor, lookup_t *lookup, const StoreRows *rows) {
    store_row_t *row = store_row_new(rows->rows[0]);
    if (row)
        s_judge(actor, lookup->route, lookup->item, row);
    else
        item_refuse(lookup->item, ERR_INTERNAL, NULL);
    store_row_destroy(&row);
}

static bool s_has_conflicts(const item_t *item) {
    return item->state == ITEM_DUPLICATE && item->verdict &&
           strcmp(item->verdict->decision.strategy, "none") != 0;
}

/* True when something else is to be asked. */
static bool s_take(actor_t *actor, lookup_t *lookup, const StoreRows *rows) {
    item_t *item = lookup->item;
    if (lookup->ask == ASK_CONFLICTS) {
        s_take_conflicts(item, rows);
        return false;
    }
    if (rows->rows_count == 0 && lookup->ask == ASK_ID && item->signal.has_dedup_key) {
        lookup->ask = ASK_KEY;
        return true;
    }
    if (rows->rows_count == 0)
        s_not_found(item);
    else
        s_take_row(actor, lookup, rows);
    lookup->ask = ASK_CONFLICTS;
    return s_has_conflicts(item);
}

static void s_on_rows(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    signals_t *state = actor_state(actor);
    lookup_t *lookup = context;
    state->lookups_under_way--;
    if (err != OK) {
        item_refuse(lookup->item, err, NULL);
        lookup->route->failure = err;
    } else if (s_take(actor, lookup, response)) {
        s_send(actor, lookup);
        return;
    }
    s_done(actor, lookup);
}

static void s_send(actor_t *actor, lookup_t *lookup) {
    signals_t *state = actor_state(actor);
    const Signal *signal = &lookup->item->signal;
    actor_request_options_t options = {.on_behalf = lookup->route->call};
    state->lookups_under_way++;
    if (lookup->ask == ASK_CONFLICTS)
        store_query(actor, "conflicts_of_newcomer", CONFLICTS_MOST, &options, s_on_rows, lookup, "s",
                    signal->signal_id);
    else if (lookup->ask == ASK_KEY)
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
    lookup->ask = item->sent_id ? ASK_ID : ASK_KEY;
    route->lookups++;
    if (state->lookups_under_way < LOOKUPS_MAX)
        s_send(actor, lookup);
    else
        s_enqueue(state, lookup);
    return true;
}

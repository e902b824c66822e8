/* Structs that borrow, so that no string is copied for an answer. */
#include "signals/reply.h"

#include "message/message.h"
#include <stdlib.h>
#include <string.h>

/* Fields of the same width in different messages. */
#define COPY_TEXT(to, from)                                                      \
    do {                                                                         \
        _Static_assert(sizeof(to) == sizeof(from), "the fields differ in size"); \
        memcpy(to, from, sizeof(to));                                            \
    } while (0)

enum { RETRY_SECONDS = 1 };

static const item_t *s_root(const route_t *route, const item_t *item) {
    return item->state == ITEM_TWIN ? &route->items[item->twin_of] : item;
}

static bool s_is_duplicate(const item_t *item, const item_t *root) {
    return root->state == ITEM_DUPLICATE || (item != root && root->state != ITEM_REFUSED);
}

const char *reply_status(const route_t *route, const item_t *item) {
    const item_t *root = s_root(route, item);
    if (root->state == ITEM_REFUSED)
        return root->err == ERR_SIGNAL_EXPIRED && !root->by_group ? "expired" : "invalid";
    return s_is_duplicate(item, root) ? "duplicate" : root->signal.status;
}

static bool s_was_routed(const Signal *signal) {
    return strcmp(signal->status, "rejected") != 0 && strcmp(signal->status, "held") != 0;
}

/* The resolutions of the conflicts, in a list of its own whose elements borrow. */
static pb_size_t s_resolutions(const verdict_t *verdict, Resolution **list) {
    pb_size_t count = 0;
    *list = NULL;
    for (size_t i = 0; i < verdict->conflict_count; i++)
        count += verdict->conflicts[i].resolution != NULL;
    if (count)
        *list = message_list(count, sizeof **list);
    for (size_t i = 0, at = 0; i < verdict->conflict_count; i++)
        if (verdict->conflicts[i].resolution)
            (*list)[at++] = *verdict->conflicts[i].resolution;
    return count;
}

/* The fields of this name in all three replies. */
#define SET_CONFLICTS(reply, verdict)                                                             \
    do {                                                                                          \
        (reply)->conflicts_detected = (verdict)->conflicts;                                       \
        (reply)->conflicts_detected_count = (pb_size_t)(verdict)->conflict_count;                 \
        (reply)->conflicts_resolved_count = s_resolutions(verdict, &(reply)->conflicts_resolved); \
    } while (0)

void reply_single(route_t *route, RouteSignalReply *reply) {
    item_t *item = &route->items[0];
    Signal *signal = &item->signal;
    COPY_TEXT(reply->routing_id, signal->routing_id);
    COPY_TEXT(reply->signal_id, signal->signal_id);
    MESSAGE_PUT(reply->status, reply_status(route, item));
    reply->seq = signal->seq;
    COPY_TEXT(reply->source_layer, signal->source);
    COPY_TEXT(reply->target_layer, signal->target);
    if (s_was_routed(signal)) {
        reply->routed_signals = signal;
        reply->routed_signals_count = 1;
    }
    reply->decision = (Decision *)item_decision(route, item);
    if (item->verdict)
        SET_CONFLICTS(reply, item->verdict);
    reply->routing_time = route->routing_time;
    reply->success_rate = strcmp(signal->status, "rejected") == 0 ? 0.0 : 1.0;
    reply->timestamp = signal->received_at;
    reply->duplicate = item->state == ITEM_DUPLICATE;
}

void reply_single_free(RouteSignalReply *reply) {
    free(reply->conflicts_resolved);
    reply->conflicts_resolved = NULL;
    reply->conflicts_resolved_count = 0;
}

static void s_result(const route_t *route, size_t index, RouteSignalResult *result) {
    const item_t *item = &route->items[index], *root = s_root(route, item);
    const Signal *signal = &root->signal;
    result->index = (uint32_t)index;
    result->has_signal_id = signal->signal_id[0] && (root->state != ITEM_REFUSED || root->sent_id);
    if (result->has_signal_id)
        COPY_TEXT(result->signal_id, signal->signal_id);
    MESSAGE_PUT(result->status, reply_status(route, item));
    COPY_TEXT(result->source_layer, signal->source);
    COPY_TEXT(result->target_layer, signal->target);
    if (root->state == ITEM_REFUSED) {
        result->error = (char *)(root->reason ? root->reason : err_text(root->err));
        result->has_error_code = true;
        MESSAGE_PUT(result->error_code, err_name(root->err));
        result->details = root->details;
        result->details_count = (pb_size_t)root->detail_count;
        return;
    }
    result->has_seq = true;
    result->seq = signal->seq;
    result->duplicate = s_is_duplicate(item, root);
    result->decision = (Decision *)item_decision(route, root);
    if (root->verdict)
        SET_CONFLICTS(result, root->verdict);
}

static void s_count(const route_t *route, const item_t *item, RouteSignalsReply *reply) {
    const item_t *root = s_root(route, item);
    if (root->state != ITEM_REFUSED && s_is_duplicate(item, root))
        reply->duplicates++;
    else if (item_accepted(root))
        reply->accepted++;
    else
        reply->rejected++;
}

void reply_batch(route_t *route, RouteSignalsReply *reply) {
    MESSAGE_PUT(reply->routing_id, route->routing_id);
    reply->results = message_list(route->count, sizeof *reply->results);
    reply->results_count = (pb_size_t)route->count;
    for (size_t i = 0; i < route->count; i++) {
        s_result(route, i, &reply->results[i]);
        s_count(route, &route->items[i], reply);
    }
    reply->routing_time = route->routing_time;
    reply->success_rate = (double)(reply->accepted + reply->duplicates) / (double)route->count;
    reply->timestamp = route->now_ms;
}

void reply_batch_free(RouteSignalsReply *reply) {
    for (size_t i = 0; i < reply->results_count; i++)
        free(reply->results[i].conflicts_resolved);
    free(reply->results);
    reply->results = NULL;
    reply->results_count = 0;
}

void reply_simulated(route_t *route, SimulateSignalReply *reply) {
    const item_t *item = &route->items[0];
    COPY_TEXT(reply->signal_id, item->signal.signal_id);
    MESSAGE_PUT(reply->status, reply_status(route, item));
    COPY_TEXT(reply->source_layer, item->signal.source);
    COPY_TEXT(reply->target_layer, item->signal.target);
    if (item->state != ITEM_REFUSED)
        reply->decision = (Decision *)item_decision(route, item);
    if (item->verdict)
        SET_CONFLICTS(reply, item->verdict);
    reply->active_in_scope = route->active;
    reply->timestamp = route->now_ms;
}

void reply_simulated_free(SimulateSignalReply *reply) {
    free(reply->conflicts_resolved);
    reply->conflicts_resolved = NULL;
    reply->conflicts_resolved_count = 0;
}

err_t reply_refusal(call_t *call, const item_t *item) {
    for (size_t i = 0; i < item->detail_count; i++)
        call_problem(call, item->details[i].field, "%s", item->details[i].problem);
    if (err_http_status(item->err) == 503)
        call_retry_after(call, RETRY_SECONDS);
    return item->reason ? call_explain(call, item->err, "%s", item->reason) : item->err;
}

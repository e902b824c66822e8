/* Rows of the outbox as they are made. */
#include "delivery/outbox.h"

#include "base/ids.h"
#include "tables.gen.h"
#include <stdio.h>
#include <string.h>

enum { PARAM_SEQ = 2 };

/* All attempts belong to one trace and one request, also of a signal that came without. */
static void s_add(store_write_t *write, const config_signal_route_t *route, const Signal *signal, size_t op,
                  const Envelope *cause, int64_t now_ms) {
    char delivery_id[UUID_SIZE], scope[OUTBOX_SCOPE_SIZE], trace[TRACEPARENT_SIZE];
    ids_uuid7(delivery_id);
    ids_traceparent_child(cause->traceparent, trace);
    snprintf(scope, sizeof scope, "%s/%s", signal->target, signal->has_symbol ? signal->symbol : "-");
    store_write_op(write, "delivery_insert", "ssissssiinniinss", delivery_id, signal->signal_id, (int64_t)0,
                   signal->target, scope, route->url, "pending", (int64_t)0, route->max_attempts, now_ms,
                   now_ms, trace, *cause->request_id ? cause->request_id : delivery_id);
    store_write_seq(write, op, PARAM_SEQ);
}

size_t outbox_write(store_write_t *write, const config_t *config, const Signal *signal, size_t op,
                    const Envelope *cause, int64_t now_ms) {
    size_t added = 0;
    for (size_t i = 0; i < config->signal_route_count; i++) {
        const config_signal_route_t *route = &config->signal_routes[i];
        if (strcmp(route->target, signal->target) != 0)
            continue;
        s_add(write, route, signal, op, cause, now_ms);
        added++;
    }
    return added;
}

void outbox_wake(actor_t *actor) {
    Empty event = Empty_init_zero;
    if (actor_config(actor)->signal_route_count)
        actor_publish(actor, OUTBOX_TOPIC_ROUTED, Empty_message(), &event);
}

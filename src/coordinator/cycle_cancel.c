/* CancelCycle: at any point of a cycle. It is answered with the full record once the end is stored. */
#include "coordinator/cycle.h"

#include "base/buf.h"
#include "base/log.h"
#include "coordinator/cycle_columns.h"
#include <stdlib.h>
#include <string.h>

static void s_refuse_ended(actor_t *actor, call_t **call_p, const char *cycle_id, const char *status) {
    call_explain(*call_p, ERR_CYCLE_ENDED, "cycle %s has ended: %s", cycle_id, status);
    call_fail(actor, call_p, ERR_CYCLE_ENDED);
}

static void s_answer_all(cycle_t *self, bool in_time) {
    actor_t *actor = self->owner->actor;
    while (self->cancellers) {
        canceller_t *canceller = self->cancellers;
        self->cancellers = canceller->next;
        if (in_time && strcmp(self->status, "cancelled") == 0)
            coordinator_answer_detail(actor, canceller->call, self->cycle_id);
        else
            s_refuse_ended(actor, &canceller->call, self->cycle_id, self->status);
        free(canceller);
    }
}

void cycle_answer_cancellers(cycle_t *self) {
    s_answer_all(self, true);
}

void cycle_refuse_cancellers(cycle_t *self) {
    s_answer_all(self, false);
}

/* ---- A cycle that is not open ---- */

static void s_on_row(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    call_t *call = context;
    const StoreRows *rows = response;
    store_row_t *row = err == OK && rows->rows_count > 0 ? store_row_new(rows->rows[0]) : NULL;
    if (err != OK)
        call_fail_as(actor, &call, err, fault);
    else if (!row)
        call_fail(actor, &call, coordinator_no_such_cycle(call));
    else
        s_refuse_ended(actor, &call, store_row_text(row, CYCLE_COLUMN_CYCLE_ID),
                       store_row_text(row, CYCLE_COLUMN_STATUS));
    store_row_destroy(&row);
}

/* ---- The command ---- */

static char *s_why(const call_t *call, const CancelCycleRequest *request) {
    const Envelope *envelope = call_envelope(call);
    buf_t why = BUF_INIT;
    buf_append_str(&why, "cancelled");
    if (envelope->has_principal && *envelope->principal.name)
        buf_printf(&why, " by %s", envelope->principal.name);
    if (request->reason && *request->reason)
        buf_printf(&why, ": %s", request->reason);
    return buf_steal(&why);
}

static void s_cancel(cycle_t *self, call_t *call, const CancelCycleRequest *request) {
    canceller_t *canceller = calloc(1, sizeof *canceller);
    assert_always(canceller);
    *canceller = (canceller_t){self->cancellers, call};
    self->cancellers = canceller;
    if (!self->cancel_why)
        self->cancel_why = s_why(call, request);
    log_info("cycle is to be cancelled", LOG_STR("cycle_id", self->cycle_id),
             LOG_STR("why", self->cancel_why));
    cycle_event(self, EVENT_CANCEL);
}

err_t coordinator_cancel_cycle(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    coordinator_t *self = actor_state(actor);
    const CancelCycleRequest *input = request;
    if (!self->recovered)
        return call_explain(call, ERR_STORE_UNAVAILABLE, "the cycles of the store have not been loaded yet");
    cycle_t *cycle = coordinator_find(self, input->cycle_id);
    if (cycle && cycle->stored) {
        s_cancel(cycle, call, input);
    } else {
        actor_request_options_t options = {.on_behalf = call};
        store_query(actor, "cycle_by_id", 1, &options, s_on_row, call, "s", input->cycle_id);
    }
    return ERR_PENDING;
}

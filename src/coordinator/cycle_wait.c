/* Callers that wait for the end of a cycle: each is answered once, at the end or when its time is over. */
#include "coordinator/cycle.h"

#include "message/message.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cycle_fill_reply(const cycle_t *self, TriggerAnalysisReply *reply) {
    bool over = cycle_is_over(self);
    MESSAGE_PUT(reply->cycle_id, self->cycle_id);
    MESSAGE_PUT(reply->status, self->status);
    reply->has_start_time = self->start_time > 0;
    reply->start_time = self->start_time;
    reply->has_end_time = reply->has_duration = reply->has_success = over;
    reply->end_time = self->end_time;
    reply->duration = (double)(self->end_time - self->start_time) / 1000.0;
    reply->success = strcmp(self->status, "completed") == 0;
    reply->error = message_strdup(self->error);
}

void cycle_fill_accepted(const cycle_t *self, TriggerAnalysisReply *reply) {
    MESSAGE_PUT(reply->cycle_id, self->cycle_id);
    MESSAGE_PUT(reply->status, self->place_free ? "running" : "queued");
    reply->has_start_time = self->place_free;
    reply->start_time = self->place_free ? self->start_time : 0;
}

/* An end that is not stored yet is none. */
static void s_fill_open(const cycle_t *cycle, TriggerAnalysisReply *reply) {
    MESSAGE_PUT(reply->cycle_id, cycle->cycle_id);
    MESSAGE_PUT(reply->status, cycle_is_over(cycle) ? "running" : cycle->status);
    reply->has_start_time = cycle->start_time > 0;
    reply->start_time = cycle->start_time;
}

static void s_answer(waiter_t *waiter, bool ended) {
    cycle_t *cycle = waiter->cycle;
    actor_t *actor = cycle->owner->actor;
    TriggerAnalysisReply reply = TriggerAnalysisReply_init_zero;
    waiter_t **at = &cycle->waiters;
    while (*at != waiter)
        at = &(*at)->next;
    *at = waiter->next;
    if (ended)
        cycle_fill_reply(cycle, &reply);
    else
        s_fill_open(cycle, &reply);
    call_outcome(waiter->call, ended ? Outcome_OUTCOME_DONE : Outcome_OUTCOME_ACCEPTED);
    call_reply(actor, &waiter->call, &reply);
    message_release(TriggerAnalysisReply_message(), &reply);
    actor_timer_cancel(actor, &waiter->timer);
    free(waiter);
}

static void s_on_time_over(actor_t *actor, void *context) {
    (void)actor;
    waiter_t *waiter = context;
    waiter->timer = 0;
    s_answer(waiter, false);
}

void cycle_wait(cycle_t *self, call_t *call, int64_t wait_ms) {
    waiter_t *waiter = calloc(1, sizeof *waiter);
    assert_always(waiter);
    *waiter = (waiter_t){.next = self->waiters, .call = call, .cycle = self};
    self->waiters = waiter;
    if (wait_ms <= 0)
        s_answer(waiter, false);
    else
        waiter->timer = actor_timer_once(self->owner->actor, wait_ms, s_on_time_over, waiter);
}

void cycle_answer_waiters(cycle_t *self) {
    while (self->waiters)
        s_answer(self->waiters, true);
}

void cycle_dismiss_waiters(cycle_t *self) {
    while (self->waiters)
        s_answer(self->waiters, false);
}

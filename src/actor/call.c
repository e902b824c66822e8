/* Calls: a command from its arrival to its one answer. */
#include "actor/actor_private.h"

#include "base/log.h"
#include "tables.gen.h"
#include <stdlib.h>

call_t *call_new(actor_t *self, const Envelope *envelope, const rpc_t *rpc) {
    call_t *call = self->spare_calls;
    if (call) {
        self->spare_calls = call->next;
    } else {
        call = calloc(1, sizeof *call);
        assert_always(call);
    }
    assert_always(call->state == CALL_FREE);
    call->state = CALL_HANDLING;
    call->rpc = rpc;
    call->envelope = *envelope;
    call->outcome = Outcome_OUTCOME_DONE;
    call->answer_recorded = false;
    call->previous = call->next = NULL;
    return call;
}

static void s_release(actor_t *self, call_t *call) {
    if (call->state == CALL_KEPT) {
        call->previous->next = call->next;
        call->next->previous = call->previous;
        self->open_call_count--;
    }
    if (call->fault.code[0] || call->fault.message || call->fault.details)
        message_release(Fault_message(), &call->fault);
    call->fault.retry_after_seconds = call->fault.attempts = 0;
    call->state = CALL_FREE;
    call->next = self->spare_calls;
    self->spare_calls = call;
}

void call_keep(actor_t *self, call_t *call) {
    assert_always(call->state == CALL_HANDLING);
    call->state = CALL_KEPT;
    call->next = &self->open_calls;
    call->previous = self->open_calls.previous;
    call->previous->next = call->next->previous = call;
    self->open_call_count++;
}

static err_t s_send(actor_t *self, const call_t *call, const message_t *message, const void *value) {
    Envelope answer = Envelope_init_zero;
    answer.correlation_id = call->envelope.message_id;
    answer.outcome = call->outcome;
    answer.answer_recorded = call->answer_recorded;
    return bus_client_send_message(self->client, call->envelope.reply_topic, &answer, message, value);
}

static void s_send_fault(actor_t *self, const call_t *call, const Fault *fault) {
    err_t err = s_send(self, call, Fault_message(), fault);
    if (err == OK)
        return;
    self->counters.answers_lost++;
    log_error("an answer was lost", LOG_STR("rpc", call->rpc->name), LOG_ERRT(err));
}

static void s_answer_fault(actor_t *self, call_t *call, err_t err) {
    assert_always(err != OK && err != ERR_PENDING);
    self->counters.command_errors++;
    call->answer_recorded = false; /* what is recorded with an effect is a success */
    if (!call->envelope.reply_topic[0])
        return;
    fault_fill(&call->fault, err);
    s_send_fault(self, call, &call->fault);
}

static void s_answer_ok(actor_t *self, call_t *call, const void *response) {
    if (!call->envelope.reply_topic[0])
        return;
    err_t err = s_send(self, call, call->rpc->response(), response);
    if (err == OK)
        return;
    log_error("a response could not be sent", LOG_STR("rpc", call->rpc->name), LOG_ERRT(err));
    s_answer_fault(self, call, err == ERR_OVERLOADED ? err : ERR_INTERNAL);
}

/* After the answer: a call whose handler still runs is freed when that returns. */
static void s_close(actor_t *self, call_t **call_p) {
    call_t *call = *call_p;
    *call_p = NULL;
    if (call->state == CALL_HANDLING)
        call->state = CALL_ANSWERED;
    else
        s_release(self, call);
}

static void s_check_open(call_t *const *call_p) {
    assert_always(*call_p && ((*call_p)->state == CALL_KEPT || (*call_p)->state == CALL_HANDLING));
}

void call_reply(actor_t *self, call_t **call_p, const void *response) {
    s_check_open(call_p);
    s_answer_ok(self, *call_p, response);
    s_close(self, call_p);
}

void call_fail(actor_t *self, call_t **call_p, err_t err) {
    s_check_open(call_p);
    s_answer_fault(self, *call_p, err);
    s_close(self, call_p);
}

void call_fail_as(actor_t *self, call_t **call_p, err_t err, const Fault *fault) {
    s_check_open(call_p);
    Fault *own = &(*call_p)->fault;
    message_release(Fault_message(), own);
    if (message_copy(Fault_message(), own, fault) != OK)
        message_release(Fault_message(), own);
    own->code[0] = '\0'; /* fault_fill writes the code of err */
    call_fail(self, call_p, err);
}

void call_finish(actor_t *self, call_t **call_p, err_t err, const void *response) {
    call_t *call = *call_p;
    if (call->state == CALL_ANSWERED) {
        assert_always(err == ERR_PENDING); /* else it would be answered twice */
        *call_p = NULL;
        s_release(self, call);
    } else if (err == ERR_PENDING) {
        call_keep(self, call);
        *call_p = NULL;
    } else {
        if (err == OK)
            s_answer_ok(self, call, response);
        else
            s_answer_fault(self, call, err);
        *call_p = NULL;
        s_release(self, call);
    }
}

void calls_fail_open(actor_t *self, err_t err) {
    while (self->open_calls.next != &self->open_calls) {
        call_t *call = self->open_calls.next;
        call_fail(self, &call, err);
    }
}

void calls_free(actor_t *self) {
    assert_always(self->open_call_count == 0);
    while (self->spare_calls) {
        call_t *call = self->spare_calls;
        self->spare_calls = call->next;
        free(call);
    }
}

const Envelope *call_envelope(const call_t *call) {
    return &call->envelope;
}

const rpc_t *call_rpc(const call_t *call) {
    return call->rpc;
}

void call_problem(call_t *call, const char *field, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fault_add_detail(&call->fault, field, format, args);
    va_end(args);
}

err_t call_explain(call_t *call, err_t err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fault_set_message(&call->fault, format, args);
    va_end(args);
    return err;
}

void call_retry_after(call_t *call, uint32_t seconds) {
    call->fault.retry_after_seconds = seconds;
}

void call_attempts(call_t *call, uint32_t attempts) {
    call->fault.attempts = attempts;
}

void call_outcome(call_t *call, Outcome outcome) {
    call->outcome = outcome;
}

Outcome call_get_outcome(const call_t *call) {
    return call->outcome;
}

void call_answer_recorded(call_t *call) {
    call->answer_recorded = true;
}

void call_answer_lost(call_t *call) {
    call->answer_recorded = false;
}

/* Changes of the system's state: one after the other to the store, then to the router, then answered; and the two that
 * start and stop the trading flow. */
#include "coordinator/system_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "coordinator/modes.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

#define ROUTER_US       2000000
#define STORE_SETTLE_US 30000000 /* a write whose outcome was not told has been done or dropped by then */

/* ---- one change ---- */

change_t *change_new_own(system_t *system, const change_kind_t *kind) {
    change_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->system = system;
    self->kind = kind;
    return self;
}

change_t *change_new(system_t *system, call_t *call, const change_kind_t *kind, err_t *err) {
    *err = system_check_known(system, call);
    if (*err == OK && system->waiting >= SYSTEM_CHANGES_MAX)
        *err =
            call_explain(call, ERR_OVERLOADED, "%d changes of the system's state wait", SYSTEM_CHANGES_MAX);
    if (*err != OK)
        return NULL;
    change_t *self = change_new_own(system, kind);
    self->call = call;
    return self;
}

void change_destroy(change_t **self_p) {
    if (*self_p)
        message_release(Mode_message(), &(*self_p)->mode);
    free(*self_p);
    *self_p = NULL;
}

static void s_refuse(change_t *self, err_t err, const Fault *fault) {
    log_warning("a change of the system's state was not stored", LOG_ERRT(err),
                LOG_STR("error", fault ? fault->message : NULL),
                LOG_STR("principal", self->call ? call_envelope(self->call)->principal.name : NULL));
    if (self->call && fault)
        call_fail_as(self->system->actor, &self->call, err, fault);
    else if (self->call)
        call_fail(self->system->actor, &self->call, err);
    change_destroy(&self);
}

/* ---- the queue ---- */

static change_t *s_take_first(system_t *self) {
    change_t *change = self->first;
    self->first = change->next;
    if (!self->first)
        self->last = NULL;
    change->next = NULL;
    self->waiting--;
    return change;
}

void changes_fail(system_t *self, err_t err, const Fault *fault) {
    while (self->first)
        s_refuse(s_take_first(self), err, fault);
}

/* It may be stored all the same, now or a little later. */
static void s_on_unclear(system_t *self) {
    self->certain = false;
    self->load_again_us = clock_mono_us() + STORE_SETTLE_US;
    system_load(self);
}

static void s_on_stored(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    system_t *self = context;
    const StoreWritten *written = response;
    const char *code = err == OK && written->units_count > 0 ? written->units[0].code : err_name(err);
    change_t *change = s_take_first(self);
    self->storing = false;
    if (strcmp(code, "OK") != 0) {
        s_refuse(change, err == OK ? err_from_name(code) : err, err == OK ? NULL : fault);
        if (err == ERR_SHUTTING_DOWN)
            self->certain = false; /* our own stop, or the store's: then the tick loads */
        else if (err != OK)
            s_on_unclear(self);
    } else {
        change->changed = true;
        change->kind->apply(change);
        change->version = self->state.version;
        change->kind->finish(change);
    }
    changes_advance(self);
}

static void s_begin(system_t *self) {
    change_t *change = self->first;
    store_write_t *write = store_write_new();
    actor_request_options_t options = {.on_behalf = change->call};
    if (change->kind->write(change, write)) {
        self->storing = true;
        store_commit(self->actor, &write, &options, s_on_stored, self);
        return;
    }
    store_write_destroy(&write);
    s_take_first(self);
    change->version = self->state.version;
    change->kind->finish(change);
}

void changes_advance(system_t *self) {
    while (self->first && self->certain && !self->storing)
        s_begin(self);
}

void change_start(change_t *self) {
    system_t *system = self->system;
    if (system->last)
        system->last->next = self;
    else
        system->first = self;
    system->last = self;
    system->waiting++;
    changes_advance(system);
}

/* ---- telling ---- */

static void s_answer(change_t *self);

static void s_refuse_unconfirmed(change_t *self) {
    call_explain(self->call, ERR_SERVICE_UNAVAILABLE,
                 "it is stored and holds, but the signal router has not confirmed it yet");
    call_fail(self->system->actor, &self->call, ERR_SERVICE_UNAVAILABLE);
    change_destroy(&self);
}

static void s_on_forgotten(actor_t *actor, void *context, err_t err, const void *response,
                           const Fault *fault) {
    (void)actor;
    (void)response;
    if (err != OK)
        log_warning("an answer that was not given stays recorded", LOG_ERRT(err),
                    LOG_STR("error", fault->message));
    s_refuse_unconfirmed(context);
}

/* The answer was recorded with the change. It was not true: a repetition has to ask the router again. */
static void s_forget_answer(change_t *self) {
    const Envelope *envelope = call_envelope(self->call);
    actor_request_options_t options = {.on_behalf = self->call};
    if (!*envelope->idempotency_key) {
        s_refuse_unconfirmed(self);
        return;
    }
    store_write_t *write = store_write_new();
    store_write_op(write, "idempotency_forget", "sss", envelope->principal.name, envelope->operation,
                   envelope->idempotency_key);
    store_commit(self->system->actor, &write, &options, s_on_forgotten, self);
}

/* A router that does not run admits nothing, and asks for the state when it starts. */
static void s_on_router(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    system_t *self = system_of(actor);
    change_t *change = context;
    const ApplySystemStateReply *reply = response;
    uint64_t version = err == OK ? reply->version : err == ERR_NO_SUBSCRIBER ? UINT64_MAX : 0;
    if (version >= self->state.version)
        self->router_behind = false;
    if (!change)
        return;
    if (version >= change->version) {
        s_answer(change);
        return;
    }
    log_warning("the signal router has not confirmed the state of the system", LOG_ERRT(err),
                LOG_STR("error", fault->message));
    s_forget_answer(change);
}

static void s_ask_router(system_t *self, change_t *change) {
    actor_request_options_t options = {.deadline_us = clock_mono_us() + ROUTER_US,
                                       .on_behalf = change ? change->call : NULL};
    actor_request(self->actor, &rpc_SignalGate_ApplySystemState, &self->state, &options, s_on_router, change);
}

void system_tell_router(system_t *self) {
    s_ask_router(self, NULL);
}

void change_finish_confirmed(change_t *self) {
    s_ask_router(self->system, self);
}

void system_publish(system_t *self) {
    uint64_t now_us = (uint64_t)clock_mono_us();
    self->state.version = self->state.version < now_us ? now_us : self->state.version + 1;
    self->router_behind = true;
    actor_publish(self->actor, "evt/coordinator/SystemState", SystemState_message(), &self->state);
}

/* ---- StartSystem, StopSystem, and the answer of SetMode ---- */

static void s_fill_start(const change_t *self, StartSystemReply *reply) {
    MESSAGE_PUT(reply->status, self->changed ? "started" : "already_running");
}

static void s_fill_stop(const change_t *self, StopSystemReply *reply) {
    MESSAGE_PUT(reply->status, self->changed ? "stopped" : "already_stopped");
}

static void s_answer(change_t *self) {
    actor_t *actor = self->system->actor;
    StartSystemReply started = StartSystemReply_init_zero;
    StopSystemReply stopped = StopSystemReply_init_zero;
    const rpc_t *rpc = call_rpc(self->call);
    s_fill_start(self, &started);
    s_fill_stop(self, &stopped);
    if (rpc == &rpc_SystemCoordinator_SetMode)
        call_reply(actor, &self->call, &self->mode);
    else if (rpc == &rpc_SystemCoordinator_StartSystem)
        call_reply(actor, &self->call, &started);
    else
        call_reply(actor, &self->call, &stopped);
    change_destroy(&self);
}

static bool s_write_running(change_t *self, store_write_t *write) {
    StartSystemReply started = {"started"};
    StopSystemReply stopped = {"stopped"};
    if (self->system->state.is_running == self->running)
        return false;
    store_write_op(write, "system_state_set", "ssi", "system/running", self->running ? "true" : "false",
                   clock_wall_ms());
    store_write_answer(write, self->call, self->running ? (const void *)&started : &stopped);
    return true;
}

static void s_apply_running(change_t *self) {
    system_t *system = self->system;
    const Principal *principal = &call_envelope(self->call)->principal;
    system->state.is_running = system->owner->flow_running = self->running;
    log_warning(self->running ? "trading flow started" : "trading flow stopped",
                LOG_STR("principal", principal->name), LOG_STR("remote", principal->remote));
    system_publish(system);
    coordinator_flow_changed(system->owner);
}

static const change_kind_t s_running_kind = {s_write_running, s_apply_running, change_finish_confirmed};

static err_t s_set_running(actor_t *actor, call_t *call, bool running) {
    err_t err;
    change_t *change = change_new(system_of(actor), call, &s_running_kind, &err);
    if (!change)
        return err;
    change->running = running;
    change_start(change);
    return ERR_PENDING;
}

err_t system_start_flow(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)request;
    (void)response;
    return s_set_running(actor, call, true);
}

err_t system_stop_flow(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)request;
    (void)response;
    return s_set_running(actor, call, false);
}

/* Loading the state of the system, and what is repeated by the clock: see system_state.h. */
#include "coordinator/system_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "coordinator/modes.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 1000, WATCH_MS = 10000, HOST_MS = 2000, ROWS_MAX = 1000 };

#define KEY_PREFIX "system/"
#define KEY_MODE   "system/mode/"

system_t *system_of(actor_t *actor) {
    coordinator_t *owner = actor_state(actor);
    return owner->system;
}

/* ---- loading ---- */

/* What a load has found so far. */
typedef struct {
    SystemState state;
    allocation_t allocation;
} found_t;

static err_t s_read_running(const char *value, found_t *found) {
    found->state.is_running = strcmp(value, "true") == 0;
    return found->state.is_running || strcmp(value, "false") == 0 ? OK : ERR_PROTOCOL;
}

static err_t s_read_mode(const char *value, found_t *found) {
    Mode mode = Mode_init_zero;
    err_t err = modes_from_text(value, &mode);
    if (err == OK)
        modes_put(&found->state, &mode);
    message_release(Mode_message(), &mode);
    return err;
}

static err_t s_read_row(const char *key, const char *value, found_t *found) {
    if (strcmp(key, KEY_PREFIX "running") == 0)
        return s_read_running(value, found);
    if (strncmp(key, KEY_MODE, strlen(KEY_MODE)) == 0)
        return s_read_mode(value, found);
    if (strcmp(key, KEY_PREFIX "resources") == 0)
        return allocation_from_text(value, &found->allocation);
    return OK; /* another version's */
}

/* A row that cannot be read leaves the state unknown: it may be the one that stops trading. */
static err_t s_read_rows(const StoreRows *rows, found_t *found) {
    err_t err = OK;
    for (size_t i = 0; err == OK && i < rows->rows_count; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        const char *key = row ? store_row_text(row, 0) : NULL;
        const char *value = row ? store_row_text(row, 1) : NULL;
        err = key && value ? s_read_row(key, value, found) : ERR_PROTOCOL;
        if (err != OK)
            log_error("a row of the system's state cannot be read", LOG_STR("key", key),
                      LOG_STR("value", value));
        store_row_destroy(&row);
    }
    return err;
}

static void s_take_over(system_t *self, found_t *found) {
    uint64_t version = self->state.version;
    bool first = !self->known;
    message_release(SystemState_message(), &self->state);
    self->state = found->state;
    self->state.version = version;
    self->allocation = found->allocation;
    self->known = self->certain = true;
    self->owner->flow_running = self->state.is_running;
    log_info(first ? "system state loaded" : "system state loaded again",
             LOG_BOOL("is_running", self->state.is_running), LOG_STR("mode", modes_word(&self->state, NULL)),
             LOG_INT("modes", self->state.modes_count));
    system_publish(self);
    coordinator_flow_changed(self->owner);
    resources_loaded(self);
    if (first)
        system_watch(self);
    changes_advance(self);
}

static void s_on_rows(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    system_t *self = context;
    found_t found = {.state = {.is_running = true}};
    self->loading = false;
    if (err == OK)
        err = s_read_rows(response, &found);
    if (err != OK && err != ERR_SHUTTING_DOWN && !self->load_failed)
        log_warning("the state of the system was not read", LOG_ERRT(err), LOG_STR("error", fault->message));
    self->load_failed = err != OK;
    if (err == OK) {
        s_take_over(self, &found);
        return;
    }
    message_release(SystemState_message(), &found.state);
    changes_fail(self, ERR_STORE_UNAVAILABLE, fault);
}

void system_load(system_t *self) {
    if (self->certain || self->loading)
        return;
    self->loading = true;
    store_query(self->actor, "system_state_list", ROWS_MAX, NULL, s_on_rows, self, "s", KEY_PREFIX);
}

/* ---- by the clock ---- */

static void s_on_tick(actor_t *actor, void *context) {
    (void)actor;
    system_t *self = context;
    if (self->load_again_us && clock_mono_us() >= self->load_again_us && !self->storing) {
        self->load_again_us = 0;
        self->certain = false;
    }
    system_load(self);
    if (self->known && self->router_behind)
        system_tell_router(self);
    resources_apply(self);
}

static void s_on_watch(actor_t *actor, void *context) {
    (void)actor;
    system_watch(context);
}

static void s_on_host(actor_t *actor, void *context) {
    (void)actor;
    system_t *self = context;
    host_t host;
    host_read(NULL, &host);
    bool first = self->cpu.total == 0;
    host_cpu_t before = first ? (host_cpu_t){.total = 1} : self->cpu; /* first: since the machine started */
    if (host_cpu_usage(&before, &host.cpu, &self->cpu_usage))
        self->has_cpu_usage = true;
    self->cpu = host.cpu;
}

/* ---- life ---- */

system_t *system_new(coordinator_t *owner) {
    system_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->owner = owner;
    self->actor = owner->actor;
    s_on_host(self->actor, self);
    system_load(self);
    actor_timer_every(self->actor, TICK_MS, s_on_tick, self);
    actor_timer_every(self->actor, WATCH_MS, s_on_watch, self);
    actor_timer_every(self->actor, HOST_MS, s_on_host, self);
    return self;
}

void system_destroy(system_t **self_p) {
    system_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    while (self->first) { /* the loop answers their calls */
        change_t *change = self->first;
        self->first = change->next;
        change_destroy(&change);
    }
    message_release(SystemState_message(), &self->state);
    free(self);
}

err_t system_check_known(const system_t *self, call_t *call) {
    return self->known ? OK : call_explain(call, ERR_STORE_UNAVAILABLE, SYSTEM_NOT_LOADED);
}

err_t system_get_state(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)request;
    const system_t *self = system_of(actor);
    err_t err = system_check_known(self, call);
    return err == OK ? message_copy(SystemState_message(), response, &self->state) : err;
}

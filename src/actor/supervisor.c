/* Start order, restarts, watchdog. */
#include "actor/supervisor.h"

#include "base/clock.h"
#include "base/log.h"
#include "bus/fault.h"
#include <czmq.h>
#include <stdatomic.h>

enum { CHECK_EVERY_MS = 1000, RESTART_STOP_MS = 1000 };

typedef struct {
    const supervisor_entry_t *entry;
    actor_handle_t *handle;                    /* NULL: not running */
    int64_t restarted_us[SUPERVISOR_RESTARTS]; /* a ring of the last restarts */
    bool stuck;
    atomic_uint restarts, stuck_times;
    atomic_bool running;
} child_t;

struct supervisor_s {
    const config_t *config;
    child_t *children;
    zmq_pollitem_t *items; /* room for each child and a descriptor */
    size_t count;
};

static const char *s_name(const child_t *child) {
    return child->entry->name ? child->entry->name : child->entry->klass->name;
}

supervisor_t *supervisor_new(const supervisor_entry_t *table, const config_t *config) {
    supervisor_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->config = config;
    while (table[self->count].klass)
        self->count++;
    self->children = calloc(self->count + 1, sizeof *self->children);
    self->items = calloc(self->count + 1, sizeof *self->items);
    assert_always(self->children && self->items);
    for (size_t i = 0; i < self->count; i++)
        self->children[i].entry = &table[i];
    return self;
}

void supervisor_destroy(supervisor_t **self_p) {
    supervisor_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->count; i++)
        assert_always(!self->children[i].handle);
    free(self->children);
    free(self->items);
    free(self);
    *self_p = NULL;
}

static err_t s_start_child(supervisor_t *self, child_t *child) {
    const supervisor_entry_t *entry = child->entry;
    err_t err = actor_start(&child->handle, entry->klass, entry->name, self->config, entry->args);
    child->stuck = false;
    atomic_store(&child->running, err == OK);
    return err;
}

static void s_stop_child(child_t *child, int64_t deadline_us) {
    actor_stop(&child->handle, deadline_us);
    atomic_store(&child->running, false);
}

err_t supervisor_start(supervisor_t *self) {
    for (size_t i = 0; i < self->count; i++) {
        err_t err = s_start_child(self, &self->children[i]);
        if (err != OK) {
            supervisor_stop(self, clock_mono_us() + RESTART_STOP_MS * 1000);
            return err;
        }
    }
    return OK;
}

void supervisor_stop(supervisor_t *self, int64_t deadline_us) {
    for (size_t i = self->count; i-- > 0;)
        s_stop_child(&self->children[i], deadline_us);
}

/* True when fewer than SUPERVISOR_RESTARTS fell into the window; notes this one. */
static bool s_may_restart(child_t *child, int64_t now_us) {
    int64_t *oldest = &child->restarted_us[atomic_load(&child->restarts) % SUPERVISOR_RESTARTS];
    if (*oldest && now_us - *oldest < (int64_t)SUPERVISOR_WINDOW_S * 1000000)
        return false;
    *oldest = now_us;
    atomic_fetch_add(&child->restarts, 1);
    return true;
}

static err_t s_revive(supervisor_t *self, child_t *child) {
    log_error("an actor ended", LOG_STR("actor", s_name(child)),
              LOG_STR("reason", child->handle ? actor_handle_failure(child->handle) : "it did not start"));
    s_stop_child(child, clock_mono_us() + RESTART_STOP_MS * 1000);
    if (!child->entry->restartable || !s_may_restart(child, clock_mono_us())) {
        log_critical("an actor is not restarted", LOG_STR("actor", s_name(child)));
        return ERR_SERVICE_UNAVAILABLE;
    }
    err_t err = s_start_child(self, child);
    if (err != OK) {
        log_critical("an actor could not be restarted", LOG_STR("actor", s_name(child)), LOG_ERRT(err));
        return ERR_SERVICE_UNAVAILABLE;
    }
    log_warning("an actor was restarted", LOG_STR("actor", s_name(child)),
                LOG_INT("restarts", atomic_load(&child->restarts)));
    return OK;
}

static err_t s_watch(child_t *child) {
    int64_t limit_ms = child->entry->watchdog_ms ? child->entry->watchdog_ms : SUPERVISOR_WATCHDOG_MS;
    int64_t since_ms = (clock_mono_us() - actor_handle_last_turn_us(child->handle)) / 1000;
    if (since_ms <= limit_ms)
        return OK;
    if (!child->stuck) {
        log_critical("an actor is stuck", LOG_STR("actor", s_name(child)), LOG_INT("since_ms", since_ms));
        atomic_fetch_add(&child->stuck_times, 1);
    }
    child->stuck = true;
    atomic_store(&child->running, false);
    return ERR_DEADLINE_EXCEEDED;
}

err_t supervisor_check(supervisor_t *self) {
    err_t first = OK;
    for (size_t i = 0; i < self->count; i++) {
        child_t *child = &self->children[i];
        bool alive = child->handle && actor_handle_alive(child->handle);
        err_t err = alive ? s_watch(child) : s_revive(self, child);
        if (first == OK)
            first = err;
    }
    return first;
}

/* Waits for `fd` and for the end of any actor; true when `fd` is readable. */
static bool s_poll(const supervisor_t *self, int fd, int timeout_ms) {
    zmq_pollitem_t *items = self->items;
    int used = 0;
    if (fd >= 0)
        items[used++] = (zmq_pollitem_t){.fd = fd, .events = ZMQ_POLLIN};
    for (size_t i = 0; i < self->count; i++) {
        if (self->children[i].handle)
            items[used++] = (zmq_pollitem_t){.socket = actor_handle_zmq_socket(self->children[i].handle),
                                             .events = ZMQ_POLLIN};
    }
    return zmq_poll(items, used, timeout_ms) > 0 && fd >= 0 && items[0].revents;
}

err_t supervisor_wait(supervisor_t *self, int fd, int64_t deadline_us, bool *readable) {
    *readable = false;
    err_t err = OK;
    while (err == OK && !*readable) {
        int64_t left_ms = (deadline_us - clock_mono_us() + 999) / 1000;
        if (left_ms <= 0)
            break;
        *readable = s_poll(self, fd, left_ms < CHECK_EVERY_MS ? (int)left_ms : CHECK_EVERY_MS);
        err = supervisor_check(self);
    }
    return err;
}

void supervisor_describe(const supervisor_t *self, ComponentStatus *out) {
    snprintf(out->name, sizeof out->name, "supervisor");
    status_set(out, "running", NULL);
    for (size_t i = 0; i < self->count; i++) {
        child_t *child = &self->children[i];
        bool running = atomic_load(&child->running);
        if (!running)
            status_set(out, "degraded", s_name(child));
        status_add_metric(out, "gauge", "actor_running", "1 while the actor's loop turns.", running, "actor",
                          s_name(child));
        status_add_metric(out, "counter", "actor_restarts_total", "Restarts after a failure.",
                          atomic_load(&child->restarts), "actor", s_name(child));
        status_add_metric(out, "counter", "actor_stuck_total", "Times that the loop was found not turning.",
                          atomic_load(&child->stuck_times), "actor", s_name(child));
    }
}

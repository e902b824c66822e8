/* When old history is removed: soon after the start and every ten minutes, in steps with pauses between them, so that
 * the writer spends a small part of its time on it however much there is. */
#include "base/clock.h"
#include "base/log.h"
#include "store/store_actor.h"
#include "store/writer.h"
#include "tables.gen.h"

enum { FIRST_MS = 1000, RUN_MS = 600 * 1000 };
enum { PAUSE_LEAST_MS = 20, PAUSE_TIMES = 9 /* what the step took: a tenth of the time is for steps */ };
#define TELL_US INT64_C(1000000) /* between two events of a run */
#define DAY_MS  INT64_C(86400000)

static err_t s_tell(writer_t *self, bool ended) {
    StoreRemoved event = StoreRemoved_init_zero;
    const value_t name = value_text("signals_removed");
    int64_t signals;
    err_t err = engine_query_int(self->link.engine, "counter_get", &name, 1, 0, &signals);
    if (err != OK)
        return err;
    event.signals = (uint64_t)signals;
    event.ended = ended;
    self->removed_told_us = clock_mono_us();
    actor_publish(self->actor, STORE_TOPIC_REMOVED, StoreRemoved_message(), &event);
    return OK;
}

/* With an error the run is given up: the next one does what is left. */
static void s_end(writer_t *self, err_t err) {
    self->removing = false;
    if (err == OK)
        err = s_tell(self, true);
    if (err != OK)
        log_warning("old history was not removed", LOG_STR("reason", buf_str(&self->link.engine->error)),
                    LOG_ERRT(err));
    else if (self->retention.removed)
        log_info("old history is removed", LOG_INT("rows", self->retention.removed));
    if (!self->link.engine->alive)
        writer_disconnect(self);
}

static void s_step(actor_t *actor, void *context) {
    writer_t *self = context;
    if (!self->link.engine || self->in_doubt) {
        self->removing = false;
        return;
    }
    int64_t began_us = clock_mono_us(), removed_before = self->retention.removed;
    err_t err = retention_step(&self->retention, self->link.engine);
    int64_t pause_ms = (clock_mono_us() - began_us) * PAUSE_TIMES / 1000;
    actor_count(actor, "history_removed_total", "Rows removed for HISTORY_RETENTION_DAYS.",
                (double)(self->retention.removed - removed_before));
    if (err == OK && clock_mono_us() - self->removed_told_us > TELL_US)
        err = s_tell(self, false);
    if (err != OK || retention_is_over(&self->retention))
        s_end(self, err);
    else
        actor_timer_once(actor, pause_ms > PAUSE_LEAST_MS ? pause_ms : PAUSE_LEAST_MS, s_step, self);
}

static void s_run(actor_t *actor, void *context) {
    writer_t *self = context;
    int64_t now_ms = clock_wall_ms();
    if (self->removing)
        return;
    self->removing = true;
    self->removed_told_us = clock_mono_us();
    retention_begin(&self->retention, now_ms - actor_config(actor)->history_retention_days * DAY_MS, now_ms);
    s_step(actor, self);
}

void writer_retention_start(writer_t *self) {
    if (actor_config(self->actor)->history_retention_days == 0)
        return;
    actor_timer_once(self->actor, FIRST_MS, s_run, self);
    actor_timer_every(self->actor, RUN_MS, s_run, self);
}

/* A database that is reachable and cannot store: its disk is full. The writer says so until a trial is stored. */
#include "base/log.h"
#include "store/writer.h"
#include "tables.gen.h"

#include <stdlib.h>
#include <string.h>

enum { TRIAL_MS = 1000, TRIAL_BYTES = 256 * 1024 };

/* What a small write leaves room for may be too little for the next one, so the trial is a large row. */
static err_t s_store_trial(engine_t *engine) {
    int64_t affected;
    char *text = malloc(TRIAL_BYTES + 1);
    assert_always(text);
    memset(text, '.', TRIAL_BYTES);
    text[TRIAL_BYTES] = '\0';
    const value_t values[] = {value_text("trial"), value_text(text)};
    err_t err = engine_begin(engine);
    if (err == OK)
        err = engine_run_one(engine, "meta_set", values, 2, &affected);
    if (err == OK)
        err = engine_commit(engine);
    else
        engine_rollback(engine);
    if (err == OK)
        err = engine_run_one(engine, "meta_delete", values, 1, &affected);
    free(text);
    return err;
}

static void s_try(actor_t *actor, void *context) {
    writer_t *self = context;
    self->trial_timer = 0;
    if (!self->link.engine || self->in_doubt) {
        writer_room_forget(self); /* why it is not reachable is said instead */
        return;
    }
    err_t err = s_store_trial(self->link.engine);
    if (!self->link.engine->alive) {
        writer_room_forget(self);
        writer_disconnect(self);
    } else if (err == OK) {
        log_info("the store takes writes again");
        writer_room_forget(self);
    } else {
        self->trial_timer = actor_timer_once(actor, TRIAL_MS, s_try, self);
    }
}

void writer_room_refused(writer_t *self) {
    buf_clear(&self->refused);
    buf_append_str(&self->refused, buf_str(&self->link.engine->error));
    if (!self->trial_timer)
        self->trial_timer = actor_timer_once(self->actor, TRIAL_MS, s_try, self);
}

void writer_room_forget(writer_t *self) {
    buf_clear(&self->refused);
    actor_timer_cancel(self->actor, &self->trial_timer);
}

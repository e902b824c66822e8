/* One EnsureReady under way: the judgement of each dataset, what the policy makes of it, the answer. */
#include "base/clock.h"
#include "base/log.h"
#include "dataflow/dataflow_state.h"
#include "dataflow/readiness.h"
#include "integration/v1/dataflow.pb.h"
#include "store/store.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MARGIN_US 250000 /* left of the caller's deadline for the answer */
#define LOOK_AGAIN_MS    2000   /* while waiting: another process may have fetched it */

/* WAITING: a fetch of it is under way, and its end will be told. */
typedef enum { ITEM_JUDGED, ITEM_WAITING, ITEM_FETCHED, ITEM_FAILED } item_state_t;

typedef struct {
    ensure_t *owner;
    const dataset_t *dataset;
    item_state_t state;
    bool judged; /* at least once */
    readiness_t before, now;
    int64_t last_update; /* 0 = never */
    char job_id[TASK_ID_SIZE];
    task_records_t records;
    int64_t waiting_since_us;
    double downstream_ms;
    err_t err;
    char *error;
} item_t;

/* In dataflow_t.ensures until it is freed: when it was answered and no query of its own is out. */
struct ensure_s {
    ensure_t *next;
    dataflow_t *owner;
    call_t *call; /* NULL once answered */
    policy_t policy;
    char cycle_id[CYCLE_ID_SIZE];
    Envelope context;
    bool started; /* not only waiting for the open fetches to be known */
    size_t queries, item_count;
    item_t *items;
    err_t query_err;
    char *query_error;
    uint64_t deadline_timer, look_timer;
    uint32_t attempts, max_attempts;
};

static void s_look(ensure_t *self);

/* ---- The answer ---- */

static void s_destroy(ensure_t *self) {
    actor_t *actor = self->owner->actor;
    ensure_t **link = &self->owner->ensures;
    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
    actor_timer_cancel(actor, &self->deadline_timer);
    actor_timer_cancel(actor, &self->look_timer);
    for (size_t i = 0; i < self->item_count; i++)
        free(self->items[i].error);
    free(self->items);
    free(self->query_error);
    free(self);
}

static void s_answered(ensure_t *self) {
    actor_timer_cancel(self->owner->actor, &self->deadline_timer);
    actor_timer_cancel(self->owner->actor, &self->look_timer);
    if (self->queries == 0)
        s_destroy(self);
}

static void s_refuse(ensure_t *self, err_t err, const char *text) {
    call_explain(self->call, err, "%s", text);
    call_attempts(self->call, self->attempts);
    call_fail(self->owner->actor, &self->call, err);
    s_answered(self);
}

static void s_fill_item(const item_t *item, int64_t now_ms, DatasetReadiness *out) {
    MESSAGE_PUT(out->name, item->dataset->name);
    MESSAGE_PUT(out->status, readiness_name(item->now));
    MESSAGE_PUT(out->status_before, readiness_name(item->before));
    out->has_last_update = out->has_age_seconds = item->last_update > 0;
    out->last_update = item->last_update;
    out->age_seconds = readiness_age_s(item->last_update, now_ms);
    out->has_job_id = *item->job_id != '\0';
    MESSAGE_PUT(out->job_id, item->job_id);
    out->has_records = item->records.known;
    out->records = item->records.count;
    out->error = message_strdup(item->error);
}

static size_t s_count(const ensure_t *self, item_state_t state) {
    size_t count = 0;
    for (size_t i = 0; i < self->item_count; i++)
        count += self->items[i].state == state;
    return count;
}

static bool s_all_ready(const ensure_t *self) {
    for (size_t i = 0; i < self->item_count; i++) {
        if (self->items[i].now != READINESS_READY)
            return false;
    }
    return true;
}

/* "batch_daily_ohlc is stale (40.2 h old)", of all that are not ready, joined by "; ". */
static void s_name_unready(const ensure_t *self, buf_t *out) {
    int64_t now_ms = clock_wall_ms();
    for (size_t i = 0; i < self->item_count; i++) {
        const item_t *item = &self->items[i];
        if (item->now == READINESS_READY)
            continue;
        buf_printf(out, "%s%s is %s", out->size ? "; " : "", item->dataset->name, readiness_name(item->now));
        if (item->last_update)
            buf_printf(out, " (%.1f h old)", readiness_age_s(item->last_update, now_ms) / 3600);
        else
            buf_append_str(out, " (never fetched)");
    }
}

static char *s_reason(const ensure_t *self) {
    buf_t text = BUF_INIT;
    s_name_unready(self, &text);
    buf_append_str(&text, ": the policy is degrade");
    return buf_steal(&text);
}

static void s_reply(ensure_t *self) {
    EnsureReadyReply reply = EnsureReadyReply_init_zero;
    int64_t now_ms = clock_wall_ms();
    reply.ready = s_all_ready(self);
    reply.degraded = !reply.ready;
    reply.reason = reply.ready ? NULL : s_reason(self);
    reply.attempts = self->attempts;
    reply.datasets_count = (pb_size_t)self->item_count;
    reply.datasets = message_list(self->item_count, sizeof *reply.datasets);
    reply.synced = message_list(s_count(self, ITEM_FETCHED), sizeof *reply.synced);
    for (size_t i = 0; i < self->item_count; i++) {
        const item_t *item = &self->items[i];
        s_fill_item(item, now_ms, &reply.datasets[i]);
        if (item->state == ITEM_FETCHED)
            reply.synced[reply.synced_count++] = message_strdup(item->dataset->name);
        if (item->downstream_ms > reply.downstream_ms) /* they are fetched side by side */
            reply.downstream_ms = item->downstream_ms;
    }
    call_reply(self->owner->actor, &self->call, &reply);
    message_release(EnsureReadyReply_message(), &reply);
    s_answered(self);
}

/* ---- Refusals ---- */

static void s_refuse_unready(ensure_t *self, err_t err, const char *why) {
    buf_t text = BUF_INIT;
    s_name_unready(self, &text);
    buf_printf(&text, ": %s", why);
    s_refuse(self, err, buf_str(&text));
    buf_free(&text);
}

static void s_refuse_failed(ensure_t *self) {
    buf_t text = BUF_INIT;
    err_t err = OK;
    for (size_t i = 0; i < self->item_count; i++) {
        const item_t *item = &self->items[i];
        if (item->state != ITEM_FAILED)
            continue;
        err = err == OK ? item->err : err;
        buf_printf(&text, "%s%s could not be fetched: %s", text.size ? "; " : "", item->dataset->name,
                   item->error);
    }
    s_refuse(self, err, buf_str(&text));
    buf_free(&text);
}

static void s_on_deadline(actor_t *actor, void *context) {
    (void)actor;
    ensure_t *self = context;
    self->deadline_timer = 0;
    if (!self->started)
        s_refuse(self, ERR_DEADLINE_EXCEEDED, "the fetches that were open were not known in time");
    else if (self->policy == POLICY_SYNC)
        s_refuse_unready(self, ERR_DEADLINE_EXCEEDED, "its fetch had not ended in time and goes on");
    else
        s_refuse_unready(self, ERR_DEADLINE_EXCEEDED, "nothing made it ready in time");
}

/* ---- Fetching ---- */

static void s_wait_for_fetch(ensure_t *self, item_t *item) {
    item->state = ITEM_WAITING;
    item->waiting_since_us = clock_mono_us();
    if (!sync_find(self->owner, item->dataset))
        sync_start(self->owner, item->dataset, self->cycle_id, &self->context, self->max_attempts);
}

static void s_settle_fetches(ensure_t *self) {
    if (s_count(self, ITEM_WAITING) > 0)
        return;
    if (s_count(self, ITEM_FAILED) > 0)
        s_refuse_failed(self);
    else
        s_reply(self);
}

static void s_take_success(ensure_t *self, item_t *item, const sync_t *sync) {
    int64_t now_ms = clock_wall_ms();
    item->now = readiness_judge(item->dataset, sync->finished_at, now_ms);
    item->last_update = sync->finished_at;
    item->records = sync->records;
    if (item->now == READINESS_READY)
        return;
    /* a fetch from before a restart whose job had ended long ago: another cycle's may be followed by one of our own,
     * but our own keys would only find the same job again */
    if (strcmp(sync->sync_id, self->cycle_id) != 0) {
        s_wait_for_fetch(self, item);
        return;
    }
    buf_t error = BUF_INIT;
    buf_printf(&error, "its job %s had ended %.1f h ago", sync->job_id,
               readiness_age_s(sync->finished_at, now_ms) / 3600);
    item->state = ITEM_FAILED;
    item->err = ERR_UNPROCESSABLE;
    item->error = buf_steal(&error);
}

static void s_take_end(ensure_t *self, item_t *item, const sync_t *sync) {
    double waited_ms = (double)(clock_mono_us() - item->waiting_since_us) / 1000.0;
    item->state = sync->err == OK ? ITEM_FETCHED : ITEM_FAILED;
    item->downstream_ms += sync->downstream_ms < waited_ms ? sync->downstream_ms : waited_ms;
    item->err = sync->err;
    memcpy(item->job_id, sync->job_id, sizeof item->job_id);
    if (sync->attempts > self->attempts)
        self->attempts = sync->attempts;
    if (sync->err == OK)
        s_take_success(self, item, sync);
    else
        item->error = message_strdup(sync->error ? sync->error : err_text(sync->err));
}

static item_t *s_item_of(ensure_t *self, const dataset_t *dataset) {
    for (size_t i = 0; i < self->item_count; i++) {
        if (self->items[i].dataset == dataset)
            return &self->items[i];
    }
    return NULL;
}

void ensure_sync_ended(dataflow_t *owner, const sync_t *sync) {
    for (ensure_t *self = owner->ensures, *next; self; self = next) {
        next = self->next;
        item_t *item = self->call ? s_item_of(self, sync->dataset) : NULL;
        if (item && item->state == ITEM_WAITING) {
            s_take_end(self, item, sync);
            s_settle_fetches(self);
        } else if (item && self->policy == POLICY_WAIT && self->started && sync->err == OK) {
            s_look(self);
        }
    }
}

/* ---- Judging ---- */

static void s_on_look_timer(actor_t *actor, void *context) {
    (void)actor;
    ensure_t *self = context;
    self->look_timer = 0;
    s_look(self);
}

static void s_decide(ensure_t *self) {
    if (s_all_ready(self)) {
        s_reply(self);
        return;
    }
    switch (self->policy) {
    case POLICY_SYNC:
        for (size_t i = 0; i < self->item_count; i++) {
            if (self->items[i].now != READINESS_READY)
                s_wait_for_fetch(self, &self->items[i]);
        }
        break;
    case POLICY_WAIT:
        if (!self->look_timer)
            self->look_timer = actor_timer_once(self->owner->actor, LOOK_AGAIN_MS, s_on_look_timer, self);
        break;
    case POLICY_DEGRADE: s_reply(self); break;
    case POLICY_ABORT: s_refuse_unready(self, ERR_UNPROCESSABLE, "the policy is abort"); break;
    }
}

static void s_judge(item_t *item, const StoreRows *rows) {
    store_row_t *row = rows->rows_count ? store_row_new(rows->rows[0]) : NULL;
    item->last_update = row ? store_row_int(row, 7) : 0;
    item->records =
        (task_records_t){row && !store_row_is_null(row, 5), row ? (uint64_t)store_row_int(row, 5) : 0};
    const char *job_id = row ? store_row_text(row, 2) : NULL;
    if (!job_id || !MESSAGE_SET(item->job_id, job_id))
        item->job_id[0] = '\0';
    store_row_destroy(&row);
    item->now = readiness_judge(item->dataset, item->last_update, clock_wall_ms());
    if (!item->judged)
        item->before = item->now;
    item->judged = true;
}

static void s_queries_done(ensure_t *self) {
    if (!self->call)
        s_destroy(self);
    else if (self->query_err != OK)
        s_refuse(self, self->query_err, self->query_error);
    else
        s_decide(self);
}

static void s_on_last_success(actor_t *actor, void *context, err_t err, const void *response,
                              const Fault *fault) {
    (void)actor;
    item_t *item = context;
    ensure_t *self = item->owner;
    self->queries--;
    if (self->owner->stopping)
        return;
    if (err == OK) {
        s_judge(item, response);
    } else if (self->query_err == OK) {
        self->query_err = err;
        self->query_error = message_strdup(fault && fault->message ? fault->message : err_text(err));
    }
    if (self->queries == 0)
        s_queries_done(self);
}

/* Nothing while an earlier look is still out: its end decides again. */
static void s_look(ensure_t *self) {
    if (self->queries > 0)
        return;
    self->started = true;
    self->queries = self->item_count;
    for (size_t i = 0; i < self->item_count; i++) {
        actor_request_options_t options = {.context = &self->context};
        store_query(self->owner->actor, "dataset_last_success", 1, &options, s_on_last_success,
                    &self->items[i], "s", self->items[i].dataset->name);
    }
}

/* ---- The command ---- */

void ensure_recovered(dataflow_t *owner, err_t err, const Fault *fault) {
    for (ensure_t *self = owner->ensures, *next; self; self = next) {
        next = self->next;
        if (self->started || !self->call)
            continue;
        if (err == OK)
            s_look(self);
        else
            s_refuse(self, err, fault && fault->message ? fault->message : err_text(err));
    }
}

size_t ensure_count(const dataflow_t *owner) {
    size_t count = 0;
    for (const ensure_t *self = owner->ensures; self; self = self->next)
        count += self->call != NULL;
    return count;
}

void ensure_destroy_all(dataflow_t *owner) {
    while (owner->ensures)
        s_destroy(owner->ensures);
}

static err_t s_refuse_name(call_t *call, const char *name) {
    buf_t known = BUF_INIT;
    datasets_list(&known);
    call_problem(call, "datasets", "%s is not a dataset; known are: %s", name, buf_str(&known));
    err_t err = call_explain(call, ERR_VALIDATION_FAILED, "no dataset is named %s; known are: %s", name,
                             buf_str(&known));
    buf_free(&known);
    return err;
}

/* One that is named twice is taken once. */
static err_t s_add(ensure_t *self, call_t *call, const char *name) {
    const dataset_t *dataset = datasets_find(name);
    if (!dataset)
        return s_refuse_name(call, name);
    if (!s_item_of(self, dataset)) {
        assert_always(self->item_count < datasets_count);
        self->items[self->item_count++] = (item_t){.owner = self, .dataset = dataset};
    }
    return OK;
}

static err_t s_add_list(ensure_t *self, call_t *call, const char *list) {
    err_t err = OK;
    const char *item;
    for (size_t length; err == OK && config_list_next(&list, &item, &length);) {
        char *name = message_strndup(item, length);
        err = s_add(self, call, name);
        free(name);
    }
    return err;
}

static err_t s_read(ensure_t *self, call_t *call, const EnsureReadyRequest *request) {
    const config_t *config = actor_config(self->owner->actor);
    const char *policy = *request->policy ? request->policy : config->analysis_readiness_policy;
    err_t err = OK;
    MESSAGE_PUT(self->cycle_id, request->cycle_id);
    self->max_attempts = request->max_attempts;
    if (!readiness_policy(policy, &self->policy)) {
        call_problem(call, "policy", "must be sync, wait, degrade or abort, got %s", policy);
        return ERR_VALIDATION_FAILED;
    }
    if (!*request->cycle_id) {
        call_problem(call, "cycle_id", "is required");
        return ERR_VALIDATION_FAILED;
    }
    for (size_t i = 0; i < request->datasets_count && err == OK; i++)
        err = s_add(self, call, request->datasets[i]);
    if (err == OK && request->datasets_count == 0)
        err = s_add_list(self, call, config->datasets_required);
    return err;
}

static void s_keep(ensure_t *self, call_t *call) {
    actor_t *actor = self->owner->actor;
    int64_t deadline_us = call_envelope(call)->deadline_us;
    int64_t left_us = deadline_us - ANSWER_MARGIN_US - clock_mono_us();
    self->call = call;
    self->context = *call_envelope(call);
    if (deadline_us)
        self->deadline_timer = actor_timer_once(actor, left_us > 0 ? left_us / 1000 : 0, s_on_deadline, self);
    if (self->owner->recovered)
        s_look(self);
    else
        dataflow_recover(self->owner);
}

err_t ensure_command(actor_t *actor, call_t *call, const void *request, void *response) {
    dataflow_t *owner = actor_state(actor);
    ensure_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->owner = owner;
    self->items = calloc(datasets_count, sizeof *self->items);
    assert_always(self->items);
    self->next = owner->ensures;
    owner->ensures = self;
    err_t err = s_read(self, call, request);
    if (err != OK || self->item_count == 0) {
        s_destroy(self);
        if (err == OK) /* nothing is required */
            ((EnsureReadyReply *)response)->ready = true;
        return err;
    }
    s_keep(self, call);
    return ERR_PENDING;
}

/* Life of a request and the judgement of single items. */
#include "signals/route.h"

#include "message/json_codec.h"
#include "signals/admission.h"
#include <stdlib.h>
#include <string.h>

route_t *route_new(size_t count) {
    route_t *self = calloc(1, sizeof *self + count * sizeof(item_t));
    assert_always(self);
    self->count = count;
    for (size_t i = 0; i < count; i++) {
        self->items[i].group_first = (uint32_t)i;
        self->items[i].group_next = ITEM_NONE;
    }
    return self;
}

static void s_free_details(item_t *item) {
    for (size_t i = 0; i < item->detail_count; i++) {
        free(item->details[i].field);
        free(item->details[i].problem);
    }
    free(item->details);
}

void route_destroy(route_t **self_p) {
    route_t *self = *self_p;
    if (!self)
        return;
    for (item_t *item = self->items; item < self->items + self->count; item++) {
        s_free_details(item);
        free(item->signal.data);
        free(item->signal.metadata);
        free(item->signal.decision); /* holds no pointers */
        item_drop_verdict(item);
    }
    free(self->failure_why);
    free(self);
    *self_p = NULL;
}

void route_fail(route_t *self, err_t err, const char *why) {
    self->failure = err;
    if (err != OK && !self->failure_why) /* the first one may already be the reason of an item */
        self->failure_why = message_strdup(why);
}

void item_refuse(item_t *self, err_t err, const char *reason) {
    self->state = ITEM_REFUSED;
    self->err = err;
    self->reason = reason;
}

void item_add_detail(item_t *self, const char *field, const char *problem) {
    FieldProblem *details = realloc(self->details, (self->detail_count + 1) * sizeof *details);
    assert_always(details);
    self->details = details;
    details[self->detail_count++] =
        (FieldProblem){.field = message_strdup(field), .problem = message_strdup(problem)};
}

static void s_note_problems(item_t *item, const RouteSignalRequest *request, const problems_t *problems) {
    for (size_t i = 0; i < request->problems_count; i++)
        item_add_detail(item, request->problems[i].field, request->problems[i].problem);
    for (size_t i = 0; i < problems->count; i++)
        item_add_detail(item, problems->items[i].field, problems->items[i].problem);
}

void route_admit(route_t *self, size_t index, const RouteSignalRequest *request, int64_t ttl_ms) {
    item_t *item = &self->items[index];
    admission_t admission = {.now_ms = self->now_ms, .ttl_ms = ttl_ms, .routing_id = self->routing_id};
    problems_t problems;
    problems.count = problems.found = 0; /* the items need no zeroes */
    err_t err = admission_check(&admission, request, &item->signal, &item->body_hash, &problems);
    item->sent_id = request->has_signal_id;
    if (err == ERR_VALIDATION_FAILED) {
        s_note_problems(item, request, &problems);
        item_refuse(item, err, NULL);
    } else if (err == ERR_SIGNAL_EXPIRED && (request->has_signal_id || request->has_dedup_key)) {
        item->state = ITEM_LOOKUP; /* a client that missed our first answer may ask after the expiry */
        item->err = err;
    } else if (err != OK) {
        item_refuse(item, err, NULL);
    }
    problems_free(&problems);
}

const Decision *item_decision(const route_t *route, const item_t *item) {
    return item->verdict ? &item->verdict->decision : route->unopposed;
}

void item_drop_verdict(item_t *self) {
    if (!self->verdict)
        return;
    verdict_free(self->verdict);
    free(self->verdict);
    self->verdict = NULL;
}

bool item_accepted(const item_t *self) {
    return (self->state == ITEM_STORED || self->state == ITEM_WRITING) &&
           strcmp(self->signal.status, "rejected") != 0;
}

size_t route_count(const route_t *self, item_state_t state) {
    size_t count = 0;
    for (size_t i = 0; i < self->count; i++)
        count += self->items[i].state == state;
    return count;
}

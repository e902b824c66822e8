/* Cycles in memory: see cycle.h. */
#include "coordinator/cycle.h"

#include "base/json_tree.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cycle_t *cycle_new(coordinator_t *owner, const char *cycle_id) {
    cycle_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->owner = owner;
    snprintf(self->cycle_id, sizeof self->cycle_id, "%s", cycle_id);
    for (int i = 0; i < STAGE_COUNT; i++) {
        snprintf(self->stages[i].status, sizeof self->stages[i].status, "pending");
        self->stages[i].dirty = true;
    }
    cycle_t **last = &owner->cycles;
    while (*last)
        last = &(*last)->next;
    *last = self;
    return self;
}

static void s_free_symbols(cycle_t *self) {
    for (size_t i = 0; i < self->symbol_count; i++)
        free(self->symbols[i]);
    free(self->symbols);
    self->symbols = NULL;
    self->symbol_count = 0;
}

void cycle_destroy(cycle_t **self_p) {
    cycle_t *self = *self_p;
    cycle_t **at = &self->owner->cycles;
    assert_always(!self->waiters && !self->cancellers);
    while (*at && *at != self)
        at = &(*at)->next;
    if (*at)
        *at = self->next;
    actor_timer_cancel(self->owner->actor, &self->timer);
    actor_timer_cancel(self->owner->actor, &self->store_timer);
    for (int i = 0; i < STAGE_COUNT; i++) {
        free(self->stages[i].error);
        free(self->stages[i].input);
        free(self->stages[i].output);
        free(self->stages[i].summary);
    }
    s_free_symbols(self);
    free(self->request);
    free(self->error);
    free(self->cancel_why);
    free(self);
    *self_p = NULL;
}

cycle_t *coordinator_find(const coordinator_t *self, const char *cycle_id) {
    cycle_t *cycle = self->cycles;
    while (cycle && strcmp(cycle->cycle_id, cycle_id) != 0)
        cycle = cycle->next;
    return cycle;
}

size_t coordinator_count(const coordinator_t *self, const char *status) {
    size_t count = 0;
    for (const cycle_t *cycle = self->cycles; cycle; cycle = cycle->next)
        count += cycle->stored && strcmp(cycle->status, status) == 0;
    return count;
}

size_t coordinator_count_open(const coordinator_t *self) {
    size_t count = 0;
    for (const cycle_t *cycle = self->cycles; cycle; cycle = cycle->next)
        count += !cycle_is_over(cycle);
    return count;
}

bool cycle_is_over(const cycle_t *self) {
    return strcmp(self->status, "queued") != 0 && strcmp(self->status, "running") != 0;
}

stage_t cycle_current_stage(const cycle_t *self) {
    for (int i = 0; i < STAGE_COUNT; i++)
        if (strcmp(self->stages[i].status, "pending") == 0 || strcmp(self->stages[i].status, "running") == 0)
            return (stage_t)i;
    return STAGE_COUNT;
}

void cycle_set_status(cycle_t *self, const char *status) {
    snprintf(self->status, sizeof self->status, "%s", status);
}

void cycle_set_text(char **field, const char *text) {
    char *copy = text ? strdup(text) : NULL;
    assert_always(copy || !text);
    free(*field);
    *field = copy;
}

void cycle_apply_request(cycle_t *self) {
    json_t *root = json_tree_parse(self->request);
    const char *portfolio_id = json_string_value(json_object_get(root, "portfolio_id"));
    json_t *symbols = json_object_get(root, "symbols");
    snprintf(self->portfolio_id, sizeof self->portfolio_id, "%s",
             portfolio_id ? portfolio_id : "default_portfolio");
    s_free_symbols(self);
    self->symbols = calloc(json_array_size(symbols) + 1, sizeof *self->symbols);
    assert_always(self->symbols);
    for (size_t i = 0; i < json_array_size(symbols); i++)
        self->symbols[self->symbol_count++] = strdup(json_string_value(json_array_get(symbols, i)));
    json_decref(root);
}

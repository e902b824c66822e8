/* Nothing is allocated for a newcomer that nobody contradicts. */
#include "signals/newcomer.h"

#include <stdlib.h>

void newcomer_begin(newcomer_t *self, const Signal *signal) {
    candidate_of(signal, &self->candidate);
    candidate_scopes(signal, &self->scopes);
}

static void s_drop_meetings(newcomer_t *self) {
    for (size_t i = 0; i < self->meeting_count; i++)
        free((void *)self->meetings[i].active);
    free(self->meetings);
    self->meetings = NULL;
    self->meeting_count = 0;
}

void newcomer_end(newcomer_t *self) {
    s_drop_meetings(self);
    candidate_scopes_free(&self->scopes);
}

/* A list of our own: the index keeps one list at a time. */
static void s_meet(newcomer_t *self, scope_index_t *index, const scope_key_t *scope, int64_t now_ms) {
    size_t count;
    const candidate_t *const *active = scope_index_active(index, scope, now_ms, &count);
    const candidate_t **copy = malloc((count + 1) * sizeof *copy);
    if (!self->meetings)
        self->meetings = calloc(self->scopes.count, sizeof *self->meetings);
    assert_always(copy && self->meetings);
    for (size_t i = 0; i < count; i++)
        copy[i] = active[i];
    self->meetings[self->meeting_count++] = (meeting_t){.key = *scope, .active = copy, .count = count};
}

verdict_t *newcomer_judge(newcomer_t *self, scope_index_t *index, const policy_t *policy, int64_t now_ms) {
    s_drop_meetings(self);
    for (size_t i = 0; i < self->scopes.count; i++)
        if (scope_index_suspects(index, &self->scopes.keys[i], &self->candidate, now_ms))
            s_meet(self, index, &self->scopes.keys[i], now_ms);
    if (!self->meeting_count)
        return NULL;
    verdict_t *verdict = calloc(1, sizeof *verdict);
    assert_always(verdict);
    decision_make(&self->candidate, self->meetings, self->meeting_count, policy, now_ms, verdict);
    return verdict;
}

const scope_key_t *newcomer_scope_of(const newcomer_t *self, const candidate_t *rival) {
    for (size_t i = 0; i + 1 < self->meeting_count; i++)
        for (size_t k = 0; k < self->meetings[i].count; k++)
            if (self->meetings[i].active[k] == rival)
                return &self->meetings[i].key;
    return &self->meetings[self->meeting_count - 1].key;
}

size_t newcomer_count_active(const newcomer_t *self, scope_index_t *index, int64_t now_ms) {
    size_t total = 0, count;
    for (size_t i = 0; i < self->scopes.count; i++) {
        scope_index_active(index, &self->scopes.keys[i], now_ms, &count);
        total += count;
    }
    return total;
}

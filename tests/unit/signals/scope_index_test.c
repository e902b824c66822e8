/* The scope index: what it shows, what it suspects, and what it forgets. */
#include "signals/index/scope_index.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(scope_index, .timeout = 60);

#define NOW      INT64_C(1767576600000)
#define EXPIRY   (NOW + 60000)
#define MANY     200000
#define SCOPE(s) (&(scope_key_t){"execution", (s)})

static candidate_t s_candidate(const char *id) {
    return (candidate_t){.signal_id = id,
                         .source = "macro",
                         .seq = 1,
                         .timestamp = NOW,
                         .expiry_time = EXPIRY,
                         .strength = 0.5,
                         .confidence = 0.5,
                         .priority = 3,
                         .side = SIDE_BUY};
}

static active_t *s_add(scope_index_t *index, const char *symbol, const candidate_t *candidate) {
    return scope_index_add(index, candidate, SCOPE(symbol), 1);
}

static size_t s_count(scope_index_t *index, const char *symbol, int64_t now_ms) {
    size_t count;
    scope_index_active(index, SCOPE(symbol), now_ms, &count);
    return count;
}

static bool s_suspects(scope_index_t *index, const char *symbol, candidate_t candidate) {
    return scope_index_suspects(index, SCOPE(symbol), &candidate, NOW);
}

/* ---- what is seen ---- */

Test(scope_index, shows_a_signal_in_its_scope_only) {
    scope_index_t *index = scope_index_new();
    candidate_t candidate = s_candidate("a");
    active_t *active = s_add(index, "X", &candidate);
    size_t count;
    const candidate_t *const *found = scope_index_active(index, SCOPE("X"), NOW, &count);
    cr_assert_eq(count, 1);
    cr_assert_str_eq(found[0]->signal_id, "a");
    cr_assert_str_eq(found[0]->source, "macro");
    cr_assert_neq(found[0]->signal_id, candidate.signal_id);
    cr_assert_eq(active_of(found[0]), active);
    cr_assert_eq(active_candidate(active), found[0]);
    cr_assert_eq(s_count(index, "Y", NOW), 0);
    cr_assert_eq(s_count(index, NULL, NOW), 0);
    cr_assert_eq(s_count(index, "", NOW), 0);
    cr_assert_null(scope_index_active(index, SCOPE("Y"), NOW, &count));
    scope_index_destroy(&index);
    cr_assert_null(index);
}

Test(scope_index, tells_a_target_alone_from_its_symbols_and_from_other_targets) {
    scope_index_t *index = scope_index_new();
    candidate_t candidate = s_candidate("a");
    size_t count;
    s_add(index, NULL, &candidate);
    cr_assert_eq(s_count(index, NULL, NOW), 1);
    cr_assert_eq(s_count(index, "X", NOW), 0);
    scope_index_active(index, &(scope_key_t){"portfolio", NULL}, NOW, &count);
    cr_assert_eq(count, 0);
    scope_index_destroy(&index);
}

Test(scope_index, tells_scopes_apart_whose_names_run_together_alike) {
    static const scope_key_t keys[] = {{"ab", "c"},       {"a", "bc"},       {"abc", ""},
                                       {"abc", NULL},     {"abcdefgh", "i"}, {"abcdefg", "hi"},
                                       {"abcdefgh", "j"}, {"bbcdefgh", "i"}};
    enum { KEYS = sizeof keys / sizeof *keys };
    scope_index_t *index = scope_index_new();
    active_t *all[KEYS];
    size_t count;
    candidate_t candidate = s_candidate("a");
    for (size_t i = 0; i < KEYS; i++) {
        cr_assert_null(scope_index_find(index, &keys[i], "a"), "key %zu", i);
        all[i] = scope_index_add(index, &candidate, &keys[i], 1);
    }
    for (size_t i = 0; i < KEYS; i++) {
        scope_index_active(index, &keys[i], NOW, &count);
        cr_assert_eq(count, 1);
        cr_assert_eq(scope_index_find(index, &keys[i], "a"), all[i]);
    }
    scope_index_destroy(&index);
}

Test(scope_index, takes_the_longest_names) {
    char target[64], symbol[33];
    scope_index_t *index = scope_index_new();
    memset(target, 'T', sizeof target - 1);
    memset(symbol, 'S', sizeof symbol - 1);
    target[sizeof target - 1] = symbol[sizeof symbol - 1] = '\0';
    candidate_t candidate = s_candidate("a");
    active_t *active = scope_index_add(index, &candidate, &(scope_key_t){target, symbol}, 1);
    cr_assert_eq(scope_index_find(index, &(scope_key_t){target, symbol}, "a"), active);
    symbol[31] = 'X';
    cr_assert_null(scope_index_find(index, &(scope_key_t){target, symbol}, "a"));
    scope_index_destroy(&index);
}

/* Up and down through every size at which the list of a scope moves. */
Test(scope_index, keeps_its_signals_while_a_scope_grows_and_shrinks) {
    enum { MOST = 200 };
    scope_index_t *index = scope_index_new();
    active_t *all[MOST];
    char ids[MOST][16];
    size_t empty = scope_index_bytes(index), first = 0;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MOST; i++) {
            snprintf(ids[i], sizeof ids[i], "s%d", i);
            candidate_t candidate = s_candidate(ids[i]);
            all[i] = s_add(index, "X", &candidate);
            cr_assert_eq(s_count(index, "X", NOW), (size_t)i + 1);
            cr_assert_eq(scope_index_find(index, SCOPE("X"), ids[i / 2]), all[i / 2]);
        }
        cr_assert_gt(scope_index_bytes(index), empty);
        for (int i = MOST; i-- > 0;) {
            cr_assert_eq(scope_index_find(index, SCOPE("X"), ids[i / 2]), all[i / 2]);
            scope_index_remove(index, &all[i]);
            cr_assert_eq(s_count(index, "X", NOW), (size_t)i);
        }
        cr_assert_eq(scope_index_scopes(index), 0);
        first = round == 0 ? scope_index_bytes(index) : first;
    }
    cr_assert_eq(scope_index_bytes(index), first, "memory that is not given back");
    scope_index_destroy(&index);
}

Test(scope_index, frees_scopes_that_become_empty) {
    scope_index_t *index = scope_index_new();
    char id[16];
    size_t before = scope_index_bytes(index);
    active_t *all[100];
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof id, "s%d", i);
        candidate_t candidate = s_candidate(id);
        all[i] = s_add(index, id, &candidate);
    }
    cr_assert_eq(scope_index_scopes(index), 100);
    cr_assert_gt(scope_index_bytes(index), before);
    for (int i = 0; i < 100; i++)
        scope_index_remove(index, &all[i]);
    cr_assert_null(all[0]);
    cr_assert_eq(scope_index_scopes(index), 0);
    cr_assert_eq(scope_index_count(index), 0);
    scope_index_destroy(&index);
}

Test(scope_index, a_hidden_signal_is_out_of_sight_until_it_is_shown) {
    scope_index_t *index = scope_index_new();
    candidate_t one = s_candidate("a"), two = s_candidate("b");
    active_t *a = s_add(index, "X", &one);
    s_add(index, "X", &two);
    scope_index_hide(index, a);
    cr_assert_eq(s_count(index, "X", NOW), 1);
    cr_assert_eq(scope_index_count(index), 1);
    cr_assert_null(scope_index_find(index, SCOPE("X"), "a"));
    cr_assert_not_null(scope_index_find(index, SCOPE("X"), "b"));
    scope_index_show(index, a);
    cr_assert_eq(s_count(index, "X", NOW), 2);
    cr_assert_eq(scope_index_count(index), 2);
    cr_assert_eq(scope_index_find(index, SCOPE("X"), "a"), a);
    scope_index_destroy(&index);
}

Test(scope_index, a_signal_of_several_scopes_is_one_signal) {
    scope_index_t *index = scope_index_new();
    candidate_t one = s_candidate("a"), other = s_candidate("b");
    scope_key_t scopes[] = {{"execution", "X"}, {"execution", "Y"}, {"execution", "Z"}};
    s_add(index, "Y", &other);
    active_t *a = scope_index_add(index, &one, scopes, 3);
    cr_assert_eq(scope_index_count(index), 2);
    cr_assert_eq(scope_index_find(index, SCOPE("X"), "a"), a);
    cr_assert_eq(scope_index_find(index, SCOPE("Z"), "a"), a);
    cr_assert_null(scope_index_find(index, SCOPE("W"), "a"));
    scope_index_hide(index, a);
    cr_assert_eq(s_count(index, "X", NOW), 0);
    cr_assert_eq(s_count(index, "Y", NOW), 1);
    cr_assert_eq(scope_index_scopes(index), 3);
    scope_index_show(index, a);
    cr_assert_eq(s_count(index, "Y", NOW), 2);
    scope_index_remove(index, &a);
    cr_assert_eq(scope_index_scopes(index), 1);
    scope_index_destroy(&index);
}

Test(scope_index, finds_by_id_within_the_scope) {
    scope_index_t *index = scope_index_new();
    candidate_t one = s_candidate("a");
    active_t *first = s_add(index, "X", &one), *second = s_add(index, "Y", &one);
    cr_assert_eq(scope_index_find(index, SCOPE("X"), "a"), first);
    cr_assert_eq(scope_index_find(index, SCOPE("Y"), "a"), second);
    cr_assert_null(scope_index_find(index, SCOPE("X"), "b"));
    scope_index_remove(index, &first);
    cr_assert_null(scope_index_find(index, SCOPE("X"), "a"));
    cr_assert_eq(scope_index_find(index, SCOPE("Y"), "a"), second);
    scope_index_destroy(&index);
}

/* ---- expiry ---- */

enum { CROWD = 300 };

static active_t *s_add_numbered(scope_index_t *index, int number) {
    char id[16];
    snprintf(id, sizeof id, "s%d", number);
    candidate_t candidate = s_candidate(id);
    return s_add(index, "X", &candidate);
}

/* NULL in `all`: not in sight. */
static void s_find_all(scope_index_t *index, active_t *const all[CROWD]) {
    char id[16];
    for (int i = 0; i < CROWD; i++) {
        snprintf(id, sizeof id, "s%d", i);
        cr_assert_eq(scope_index_find(index, SCOPE("X"), id), all[i], "%s", id);
    }
}

/* Some come before anything is looked up, some after it. */
Test(scope_index, finds_by_id_among_many_while_they_come_and_go) {
    scope_index_t *index = scope_index_new();
    active_t *all[CROWD] = {NULL};
    size_t bytes[2];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < CROWD / 2; i++)
            all[i] = s_add_numbered(index, i);
        scope_index_remove(index, &all[7]);
        active_t *hidden = all[9];
        all[9] = NULL;
        scope_index_hide(index, hidden);
        s_find_all(index, all);
        scope_index_show(index, hidden);
        all[9] = hidden;
        for (int i = CROWD / 2; i < CROWD; i++)
            all[i] = s_add_numbered(index, i);
        scope_index_remove(index, &all[CROWD - 1]);
        s_find_all(index, all);
        for (int i = 3; i < CROWD; i++)
            if (all[i])
                scope_index_remove(index, &all[i]);
        s_find_all(index, all);
        for (int i = 0; i < 3; i++)
            scope_index_remove(index, &all[i]);
        bytes[round] = scope_index_bytes(index);
    }
    cr_assert_eq(bytes[0], bytes[1]);
    scope_index_destroy(&index);
}

Test(scope_index, shows_nothing_that_has_expired) {
    scope_index_t *index = scope_index_new();
    candidate_t candidate = s_candidate("a");
    s_add(index, "X", &candidate);
    cr_assert_eq(s_count(index, "X", EXPIRY - 1), 1);
    cr_assert_eq(s_count(index, "X", EXPIRY), 0);
    cr_assert_eq(scope_index_scopes(index), 0);
    scope_index_destroy(&index);
}

Test(scope_index, drops_the_soonest_first_and_at_most_so_many) {
    scope_index_t *index = scope_index_new();
    char id[16];
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof id, "s%d", i);
        candidate_t candidate = s_candidate(id);
        candidate.expiry_time = NOW + 1 + (i * 37) % 50;
        s_add(index, "X", &candidate);
    }
    cr_assert_eq(scope_index_expire(index, NOW, 100), 0);
    cr_assert_eq(scope_index_expire(index, NOW + 10, 4), 4);
    cr_assert_eq(scope_index_count(index), 46);
    cr_assert_eq(scope_index_expire(index, NOW + 10, 100), 6);
    cr_assert_eq(s_count(index, "X", NOW + 10), 40);
    cr_assert_eq(scope_index_expire(index, NOW + 50, 100), 40);
    cr_assert_eq(scope_index_scopes(index), 0);
    scope_index_destroy(&index);
}

Test(scope_index, drops_nothing_that_is_hidden_or_kept_or_not_stored) {
    scope_index_t *index = scope_index_new();
    candidate_t hidden = s_candidate("a"), kept = s_candidate("b"), new = s_candidate("c"),
                mark = s_candidate("d");
    new.seq = 0;
    mark.seq = UINT64_MAX;
    active_t *a = s_add(index, "X", &hidden), *b = s_add(index, "X", &kept), *c = s_add(index, "X", &new),
             *d = s_add(index, "X", &mark);
    scope_index_hide(index, a);
    active_keep(b);
    cr_assert_eq(scope_index_expire(index, EXPIRY, 10), 0);
    cr_assert_eq(s_count(index, "X", EXPIRY), 0);
    cr_assert_str_eq(active_candidate(a)->signal_id, "a");
    scope_index_show(index, a);
    active_release(b);
    active_set_seq(c, 7);
    active_set_seq(d, 8);
    cr_assert_eq(s_count(index, "X", EXPIRY), 0);
    cr_assert_eq(scope_index_count(index), 3);
    cr_assert_eq(scope_index_expire(index, EXPIRY + 5000, 10), 3);
    cr_assert_eq(scope_index_count(index), 0);
    cr_assert_eq(scope_index_scopes(index), 0);
    scope_index_destroy(&index);
}

/* ---- suspicion ---- */

Test(scope_index, suspects_nothing_of_a_like_newcomer) {
    scope_index_t *index = scope_index_new();
    candidate_t active = s_candidate("a");
    s_add(index, "X", &active);
    cr_assert_not(s_suspects(index, "X", s_candidate("b")));
    cr_assert_not(s_suspects(index, "Y", s_candidate("b")));
    scope_index_destroy(&index);
}

Test(scope_index, suspects_each_kind_of_contradiction) {
    scope_index_t *index = scope_index_new();
    candidate_t active = s_candidate("a"), newcomer;
    active.source_seq = 10;
    active.has_source_seq = true;
    active.resources = 0.6;
    s_add(index, "X", &active);
    newcomer = s_candidate("b"), newcomer.side = SIDE_SELL;
    cr_assert(s_suspects(index, "X", newcomer));
    newcomer = s_candidate("b"), newcomer.priority = 5;
    cr_assert(s_suspects(index, "X", newcomer));
    newcomer = s_candidate("b"), newcomer.priority = 4;
    cr_assert_not(s_suspects(index, "X", newcomer));
    newcomer = s_candidate("b"), newcomer.strength = 0.9;
    cr_assert(s_suspects(index, "X", newcomer));
    newcomer.side = SIDE_HOLD;
    cr_assert_not(s_suspects(index, "X", newcomer));
    newcomer = s_candidate("b"), newcomer.timestamp = NOW - 1;
    cr_assert(s_suspects(index, "X", newcomer));
    newcomer = s_candidate("b"), newcomer.has_source_seq = true, newcomer.source_seq = 9;
    cr_assert(s_suspects(index, "X", newcomer));
    newcomer = s_candidate("b"), newcomer.resources = 0.5;
    cr_assert(s_suspects(index, "X", newcomer));
    newcomer.resources = 0.3;
    cr_assert_not(s_suspects(index, "X", newcomer));
    scope_index_destroy(&index);
}

Test(scope_index, suspects_no_longer_what_is_hidden_or_gone_or_changed) {
    scope_index_t *index = scope_index_new();
    candidate_t sell = s_candidate("a"), weak = s_candidate("b"), other = s_candidate("c");
    sell.side = SIDE_SELL;
    weak.strength = 0.1;
    other.expiry_time += 1000;
    active_t *a = s_add(index, "X", &sell), *b = s_add(index, "X", &weak);
    s_add(index, "X", &other);
    cr_assert(s_suspects(index, "X", s_candidate("n")));
    scope_index_hide(index, a);
    cr_assert(s_suspects(index, "X", s_candidate("n")));
    active_set_strength(index, b, 0.4);
    cr_assert_not(s_suspects(index, "X", s_candidate("n")));
    active_set_resources(index, b, 0.9);
    candidate_t hungry = s_candidate("n");
    hungry.resources = 0.2;
    cr_assert(s_suspects(index, "X", hungry));
    active_set_resources(index, b, 0.8);
    cr_assert_not(s_suspects(index, "X", hungry));
    scope_index_show(index, a);
    cr_assert(s_suspects(index, "X", s_candidate("n")));
    cr_assert_not(scope_index_suspects(index, SCOPE("X"), &hungry, EXPIRY));
    scope_index_destroy(&index);
}

Test(scope_index, the_sum_of_resources_survives_amounts_of_any_size) {
    scope_index_t *index = scope_index_new();
    candidate_t small = s_candidate("a"), large = s_candidate("b"), newcomer = s_candidate("n");
    small.resources = 0.8;
    large.resources = 1e308;
    newcomer.resources = 0.3;
    active_t *removed[3];
    s_add(index, "X", &small);
    for (int i = 0; i < 3; i++)
        removed[i] = s_add(index, "X", &large);
    for (int i = 0; i < 3; i++)
        scope_index_remove(index, &removed[i]);
    cr_assert(s_suspects(index, "X", newcomer));
    newcomer.resources = 0.2;
    cr_assert_not(s_suspects(index, "X", newcomer));
    scope_index_destroy(&index);
}

/* A scope of MANY signals: were each newcomer held against all, this would take hours. */
Test(scope_index, a_hot_scope_costs_no_more_than_a_small_one) {
    scope_index_t *index = scope_index_new();
    static active_t *all[MANY];
    static const char *const sources[] = {"macro", "portfolio", "execution", "flowhub"};
    char id[16];
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "s%d", i);
        candidate_t candidate = s_candidate(id);
        candidate.source = sources[i % 4];
        candidate.timestamp = NOW + i - 5 * (i % 4);
        candidate.strength = 0.5 + 0.001 * (i % 300);
        candidate.resources = 1e-7;
        cr_assert_not(scope_index_suspects(index, SCOPE("X"), &candidate, NOW), "at %d", i);
        all[i] = s_add(index, "X", &candidate);
    }
    for (int i = 0; i < MANY; i += 2) {
        scope_index_hide(index, all[i]);
        if (i % 4)
            scope_index_show(index, all[i]);
        else
            scope_index_remove(index, &all[i]);
    }
    cr_assert_eq(s_count(index, "X", NOW), MANY * 3 / 4);
    cr_assert_eq(scope_index_expire(index, EXPIRY, MANY), MANY * 3 / 4);
    cr_assert_eq(scope_index_scopes(index), 0);
    scope_index_destroy(&index);
}

/* ---- against a naive list ---- */

enum { MODEL_MOST = 400, SYMBOLS = 5, STEPS = 40000 };

typedef struct {
    active_t *active; /* NULL: free */
    char id[16];
    bool in[SYMBOLS], hidden;
    candidate_t candidate;
} model_t;

typedef struct {
    scope_index_t *index;
    model_t signals[MODEL_MOST];
    unsigned short seed[3];
    int64_t now;
    int next;
} world_t;

static const char *const s_symbols[SYMBOLS] = {"A", "B", "C", "D", NULL};

static int s_random(world_t *self, int below) {
    return (int)(nrand48(self->seed) % below);
}

static bool s_conflicts(const candidate_t *newcomer, const candidate_t *active) {
    bool opposed = (newcomer->side == SIDE_BUY && active->side == SIDE_SELL) ||
                   (newcomer->side == SIDE_SELL && active->side == SIDE_BUY);
    bool apart = newcomer->side == active->side && fabs(newcomer->strength - active->strength) > 0.3 + 1e-9;
    bool late =
        strcmp(newcomer->source, active->source) == 0 &&
        (newcomer->has_source_seq && active->has_source_seq ? newcomer->source_seq < active->source_seq
                                                            : newcomer->timestamp < active->timestamp);
    return opposed || apart || late || abs(newcomer->priority - active->priority) >= 2;
}

static bool s_sees(const world_t *self, const model_t *signal, int symbol) {
    return signal->active && signal->in[symbol] && !signal->hidden &&
           signal->candidate.expiry_time > self->now;
}

/* Mostly alike, so that both answers are frequent. */
static candidate_t s_any(world_t *self, const char *id) {
    static const char *const sources[] = {"macro", "portfolio", "execution"};
    candidate_t candidate = s_candidate(id);
    candidate.source = sources[s_random(self, 3)];
    candidate.seq = (uint64_t)(s_random(self, 8) > 0);
    candidate.timestamp = self->now - (s_random(self, 20) == 0 ? s_random(self, 50) : 0);
    candidate.expiry_time = self->now + 1 + s_random(self, 3000);
    candidate.strength = s_random(self, 30) ? 0.4 + 0.01 * s_random(self, 30) : 0.01 * s_random(self, 101);
    candidate.priority = (uint8_t)(s_random(self, 30) ? 3 + s_random(self, 2) : 1 + s_random(self, 5));
    candidate.side = (uint8_t)(s_random(self, 50) ? (s_random(self, 2) ? SIDE_BUY : SIDE_HOLD)
                                                  : s_random(self, SIDE_COUNT));
    candidate.resources = s_random(self, 10) ? 0 : 0.05 * s_random(self, 6);
    candidate.has_source_seq = s_random(self, 2);
    candidate.source_seq = candidate.has_source_seq ? self->next - (s_random(self, 20) == 0) : 0;
    return candidate;
}

static void s_check_scope(world_t *self, int symbol, const candidate_t *newcomer, unsigned *doubted,
                          unsigned *rivals) {
    bool rival = false;
    double sum = newcomer->resources;
    size_t expected = 0, count;
    for (int i = 0; i < MODEL_MOST; i++) {
        const model_t *signal = &self->signals[i];
        if (!s_sees(self, signal, symbol))
            continue;
        expected++;
        sum += signal->candidate.resources;
        rival = rival || s_conflicts(newcomer, &signal->candidate);
    }
    rival = rival || (newcomer->resources > 0 && expected > 0 && sum > 1.0 + 1e-9);
    bool suspects = scope_index_suspects(self->index, SCOPE(s_symbols[symbol]), newcomer, self->now);
    cr_assert(suspects || !rival);
    *doubted += suspects && !rival;
    *rivals += rival;
    if (s_random(self, 2))
        return;
    const candidate_t *const *found =
        scope_index_active(self->index, SCOPE(s_symbols[symbol]), self->now, &count);
    cr_assert_eq(count, expected);
    for (size_t i = 0; i < count; i++) {
        bool known = false;
        for (int k = 0; k < MODEL_MOST && !known; k++)
            known = s_sees(self, &self->signals[k], symbol) &&
                    self->signals[k].active == active_of(found[i]) &&
                    strcmp(self->signals[k].id, found[i]->signal_id) == 0;
        cr_assert(known);
    }
}

static void s_model_add(world_t *self, model_t *signal) {
    scope_key_t scopes[SYMBOLS];
    size_t count = 0;
    *signal = (model_t){0};
    snprintf(signal->id, sizeof signal->id, "s%d", self->next++);
    signal->candidate = s_any(self, signal->id);
    for (int i = 0; i < SYMBOLS; i++) {
        signal->in[i] = s_random(self, 4) == 0 || (i == SYMBOLS - 1 && count == 0);
        if (signal->in[i])
            scopes[count++] = (scope_key_t){"execution", s_symbols[i]};
    }
    signal->active = scope_index_add(self->index, &signal->candidate, scopes, count);
}

/* A dropped signal's pointer is not good any more: those that may be are left alone. */
static bool s_may_touch(const world_t *self, const model_t *signal) {
    return signal->active &&
           (signal->hidden || signal->candidate.seq == 0 || signal->candidate.expiry_time > self->now);
}

static void s_model_change(world_t *self, model_t *signal) {
    if (!s_may_touch(self, signal)) {
        if (!signal->active || signal->candidate.expiry_time <= self->now)
            s_model_add(self, signal);
        return;
    }
    switch (s_random(self, 6)) {
    case 0:
    case 1:
        signal->hidden ? scope_index_show(self->index, signal->active)
                       : scope_index_hide(self->index, signal->active);
        signal->hidden = !signal->hidden;
        break;
    case 2: scope_index_remove(self->index, &signal->active); break;
    case 3:
        signal->candidate.strength = 0.4 + 0.01 * s_random(self, 30);
        active_set_strength(self->index, signal->active, signal->candidate.strength);
        break;
    case 4:
        signal->candidate.resources = 0.05 * s_random(self, 3);
        active_set_resources(self->index, signal->active, signal->candidate.resources);
        break;
    default: signal->candidate.seq = 9; active_set_seq(signal->active, 9);
    }
}

Test(scope_index, agrees_with_a_naive_list_after_any_changes) {
    unsigned doubted = 0, rivals = 0;
    for (unsigned short seed = 1; seed <= 5; seed++) {
        world_t world = {.index = scope_index_new(), .seed = {seed}, .now = NOW};
        for (int step = 0; step < STEPS / 5; step++) {
            char id[16] = "newcomer";
            s_model_change(&world, &world.signals[s_random(&world, seed % 2 ? 40 : MODEL_MOST)]);
            candidate_t newcomer = s_any(&world, id);
            s_check_scope(&world, s_random(&world, SYMBOLS), &newcomer, &doubted, &rivals);
            if (s_random(&world, 20) == 0)
                scope_index_expire(world.index, world.now, (size_t)s_random(&world, 5));
            if (s_random(&world, 10) == 0)
                world.now += s_random(&world, 100);
        }
        scope_index_destroy(&world.index);
    }
    cr_assert(rivals > STEPS / 10 && rivals < STEPS * 9 / 10, "%u rivals", rivals);
    cr_assert_lt(doubted, STEPS / 20, "%u suspicions without a rival", doubted);
}

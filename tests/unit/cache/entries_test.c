/* The entries in the process: what is kept, what goes, and that the bound holds. */
#include "cache/entries.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAR INT64_C(1000000)

static void s_put(entries_t *entries, const char *key, const char *value, int64_t expires_ms,
                  int64_t now_ms) {
    cr_assert(entries_put(entries, key, value, strlen(value), expires_ms, now_ms));
}

static bool s_has(entries_t *entries, const char *key, int64_t now_ms) {
    const void *value;
    size_t size;
    int64_t expires_ms;
    return entries_get(entries, key, now_ms, &value, &size, &expires_ms);
}

/* Room for three entries of one-letter keys and values. */
static entries_t *s_three(evict_t policy) {
    return entries_new(3 * entries_cost(1, 1), policy);
}

Test(entries, give_back_what_was_put, .timeout = 10) {
    entries_t *entries = entries_new(4096, EVICT_LRU);
    const void *value;
    size_t size;
    int64_t expires_ms;
    s_put(entries, "key", "value", 500, 0);
    cr_assert(entries_get(entries, "key", 1, &value, &size, &expires_ms));
    cr_expect_eq(size, 5);
    cr_expect_arr_eq(value, "value", 5);
    cr_expect_eq(expires_ms, 500);
    cr_expect_not(s_has(entries, "other", 1));
    cr_expect_eq(entries_count(entries), 1);
    cr_expect_eq(entries_bytes(entries), entries_cost(3, 5));
    entries_destroy(&entries);
    cr_expect_null(entries);
}

Test(entries, keep_an_empty_value, .timeout = 10) {
    entries_t *entries = entries_new(4096, EVICT_LRU);
    const void *value;
    size_t size = 1;
    int64_t expires_ms;
    cr_assert(entries_put(entries, "key", NULL, 0, FAR, 0));
    cr_assert(entries_get(entries, "key", 1, &value, &size, &expires_ms));
    cr_expect_eq(size, 0);
    entries_destroy(&entries);
}

Test(entries, a_second_put_replaces_the_first, .timeout = 10) {
    entries_t *entries = entries_new(4096, EVICT_LRU);
    const void *value;
    size_t size;
    int64_t expires_ms;
    s_put(entries, "key", "first", 10, 0);
    s_put(entries, "key", "2nd", FAR, 0);
    cr_assert(entries_get(entries, "key", 20, &value, &size, &expires_ms));
    cr_expect_arr_eq(value, "2nd", 3);
    cr_expect_eq(entries_count(entries), 1);
    cr_expect_eq(entries_bytes(entries), entries_cost(3, 3));
    entries_destroy(&entries);
}

Test(entries, are_gone_when_their_time_is_over, .timeout = 10) {
    entries_t *entries = entries_new(4096, EVICT_LRU);
    s_put(entries, "a", "1", 100, 0);
    s_put(entries, "b", "1", 200, 0);
    s_put(entries, "c", "1", 300, 0);
    cr_expect(s_has(entries, "a", 99));
    cr_expect_not(s_has(entries, "a", 100));
    cr_expect_eq(entries_count(entries), 2, "the look-up dropped it");
    cr_expect_eq(entries_expire(entries, 250), 1);
    cr_expect(s_has(entries, "c", 250));
    cr_expect_eq(entries_evicted(entries), 0, "its own time is no eviction");
    entries_destroy(&entries);
}

Test(entries, one_that_is_larger_than_the_bound_is_not_kept_and_the_old_one_is_gone, .timeout = 10) {
    entries_t *entries = s_three(EVICT_LRU);
    char large[1024];
    memset(large, 'x', sizeof large);
    s_put(entries, "a", "1", FAR, 0);
    s_put(entries, "b", "1", FAR, 0);
    cr_expect_not(entries_put(entries, "a", large, sizeof large, FAR, 0));
    cr_expect_not(s_has(entries, "a", 1));
    cr_expect(s_has(entries, "b", 1));
    entries_destroy(&entries);
}

Test(entries, what_has_expired_makes_room_before_what_has_not, .timeout = 10) {
    entries_t *entries = s_three(EVICT_LRU);
    s_put(entries, "a", "1", FAR, 0);
    s_put(entries, "b", "1", 10, 0);
    s_put(entries, "c", "1", FAR, 0);
    s_put(entries, "d", "1", FAR, 20);
    cr_expect(s_has(entries, "a", 20));
    cr_expect(s_has(entries, "c", 20));
    cr_expect_eq(entries_evicted(entries), 0);
    entries_destroy(&entries);
}

Test(entries, lru_drops_the_one_used_longest_ago, .timeout = 10) {
    entries_t *entries = s_three(EVICT_LRU);
    s_put(entries, "a", "1", FAR, 0);
    s_put(entries, "b", "1", FAR, 0);
    s_put(entries, "c", "1", FAR, 0);
    cr_assert(s_has(entries, "a", 1));
    s_put(entries, "d", "1", FAR, 1);
    cr_expect_not(s_has(entries, "b", 2));
    cr_expect(s_has(entries, "a", 2));
    cr_expect_eq(entries_evicted(entries), 1);
    entries_destroy(&entries);
}

Test(entries, lfu_drops_the_one_used_least_often, .timeout = 10) {
    entries_t *entries = s_three(EVICT_LFU);
    s_put(entries, "a", "1", FAR, 0);
    s_put(entries, "b", "1", FAR, 0);
    s_put(entries, "c", "1", FAR, 0);
    for (int i = 0; i < 3; i++)
        cr_assert(s_has(entries, "a", 1) && s_has(entries, "b", 1));
    cr_assert(s_has(entries, "c", 1));
    s_put(entries, "d", "1", FAR, 1);
    cr_expect_not(s_has(entries, "c", 2));
    cr_expect(s_has(entries, "a", 2) && s_has(entries, "b", 2) && s_has(entries, "d", 2));
    entries_destroy(&entries);
}

Test(entries, ttl_drops_the_one_whose_time_ends_first, .timeout = 10) {
    entries_t *entries = s_three(EVICT_TTL);
    s_put(entries, "a", "1", 300, 0);
    s_put(entries, "b", "1", 200, 0);
    s_put(entries, "c", "1", 400, 0);
    cr_assert(s_has(entries, "b", 1));
    s_put(entries, "d", "1", 250, 1);
    cr_expect_not(s_has(entries, "b", 2));
    s_put(entries, "e", "1", 500, 2);
    cr_expect_not(s_has(entries, "d", 3));
    entries_destroy(&entries);
}

Test(entries, adaptive_lets_go_of_what_was_popular_long_ago_and_lfu_does_not, .timeout = 10) {
    evict_t policies[] = {EVICT_ADAPTIVE, EVICT_LFU};
    for (int p = 0; p < 2; p++) {
        entries_t *entries = s_three(policies[p]);
        char key[2] = "a";
        s_put(entries, "Z", "1", FAR, 0);
        for (int i = 0; i < 5; i++)
            cr_assert(s_has(entries, "Z", 1));
        for (int i = 0; i < 26; i++, key[0]++)
            s_put(entries, key, "1", FAR, 1);
        cr_expect_eq(s_has(entries, "Z", 2), policies[p] == EVICT_LFU);
        entries_destroy(&entries);
    }
}

Test(entries, clear_drops_what_matches_and_says_how_much, .timeout = 10) {
    entries_t *entries = entries_new(1 << 20, EVICT_LRU);
    char key[24];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%s:%03d", i % 2 ? "odd" : "even", i);
        s_put(entries, key, "xy", FAR, 0);
    }
    size_t freed, before = entries_bytes(entries);
    cr_expect_eq(entries_clear(entries, "odd:*", &freed), 500);
    cr_expect_eq(entries_bytes(entries), before - freed);
    cr_expect_eq(freed, 500 * entries_cost(7, 2));
    cr_expect(s_has(entries, "even:000", 1));
    cr_expect_not(s_has(entries, "odd:001", 1));
    cr_expect_eq(entries_clear(entries, "*", &freed), 500);
    cr_expect_eq(entries_bytes(entries), 0);
    entries_destroy(&entries);
}

Test(entries, policies_go_by_their_words, .timeout = 10) {
    evict_t policy;
    cr_expect(entries_policy("lru", &policy) && policy == EVICT_LRU);
    cr_expect(entries_policy("lfu", &policy) && policy == EVICT_LFU);
    cr_expect(entries_policy("ttl", &policy) && policy == EVICT_TTL);
    cr_expect(entries_policy("adaptive", &policy) && policy == EVICT_ADAPTIVE);
    cr_expect_not(entries_policy("LRU", &policy));
}

/* ---- Against a model that looks at everything each time ---- */

enum { KEYS = 24, STEPS = 20000 };

typedef struct {
    bool there;
    size_t size;
    char fill;
    int64_t expires_ms;
    uint64_t uses, last, rank;
} model_entry_t;

typedef struct {
    evict_t policy;
    size_t max_bytes;
    model_entry_t entries[KEYS];
    uint64_t clock, age, evicted;
} model_t;

static size_t s_model_cost(const model_entry_t *entry) {
    return entries_cost(3, entry->size);
}

static size_t s_model_bytes(const model_t *self) {
    size_t bytes = 0;
    for (int i = 0; i < KEYS; i++)
        bytes += self->entries[i].there ? s_model_cost(&self->entries[i]) : 0;
    return bytes;
}

static void s_model_expire(model_t *self, int64_t now_ms) {
    for (int i = 0; i < KEYS; i++)
        self->entries[i].there = self->entries[i].there && self->entries[i].expires_ms > now_ms;
}

static void s_model_use(model_t *self, model_entry_t *entry) {
    entry->uses++;
    entry->last = ++self->clock;
    entry->rank = self->policy == EVICT_LFU        ? entry->uses
                  : self->policy == EVICT_TTL      ? (uint64_t)entry->expires_ms
                  : self->policy == EVICT_ADAPTIVE ? entry->uses + self->age
                                                   : 0;
}

static void s_model_evict(model_t *self) {
    model_entry_t *victim = NULL;
    for (int i = 0; i < KEYS; i++) {
        model_entry_t *entry = &self->entries[i];
        if (entry->there && (!victim || entry->rank < victim->rank ||
                             (entry->rank == victim->rank && entry->last < victim->last)))
            victim = entry;
    }
    cr_assert(victim);
    self->age = victim->rank;
    self->evicted++;
    victim->there = false;
}

static void s_model_put(model_t *self, int key, model_entry_t entry, int64_t now_ms) {
    entry.uses = self->entries[key].there ? self->entries[key].uses : 0;
    self->entries[key].there = false;
    if (s_model_bytes(self) + s_model_cost(&entry) > self->max_bytes)
        s_model_expire(self, now_ms);
    while (s_model_bytes(self) + s_model_cost(&entry) > self->max_bytes)
        s_model_evict(self);
    s_model_use(self, &entry);
    self->entries[key] = entry;
}

static void s_step_get(model_t *model, entries_t *entries, int key, const char *name, int64_t now_ms) {
    const void *value;
    size_t size;
    int64_t expires_ms;
    model_entry_t *expected = &model->entries[key];
    expected->there = expected->there && expected->expires_ms > now_ms;
    cr_assert_eq(entries_get(entries, name, now_ms, &value, &size, &expires_ms), expected->there);
    if (!expected->there)
        return;
    s_model_use(model, expected);
    cr_assert_eq(size, expected->size);
    cr_assert_eq(expires_ms, expected->expires_ms);
    for (size_t i = 0; i < size; i++)
        cr_assert_eq(((const char *)value)[i], expected->fill);
}

static void s_step(model_t *model, entries_t *entries, unsigned *seed, int64_t now_ms) {
    char name[16], bytes[200];
    int key = rand_r(seed) % KEYS;
    size_t freed;
    snprintf(name, sizeof name, "k%02d", key);
    switch (rand_r(seed) % 8) {
    case 0:
        cr_assert_eq(entries_drop(entries, name, &freed), model->entries[key].there);
        model->entries[key].there = false;
        break;
    case 1:
        entries_expire(entries, now_ms);
        s_model_expire(model, now_ms);
        break;
    case 2:
    case 3:
    case 4: {
        model_entry_t entry = {.there = true,
                               .size = (size_t)rand_r(seed) % sizeof bytes,
                               .fill = (char)('a' + rand_r(seed) % 26),
                               .expires_ms = now_ms + rand_r(seed) % 400};
        memset(bytes, entry.fill, sizeof bytes);
        cr_assert(entries_put(entries, name, bytes, entry.size, entry.expires_ms, now_ms));
        s_model_put(model, key, entry, now_ms);
        break;
    }
    default: s_step_get(model, entries, key, name, now_ms);
    }
}

Test(entries, do_as_a_plain_model_does_under_every_policy, .timeout = 60) {
    for (evict_t policy = EVICT_LRU; policy <= EVICT_ADAPTIVE; policy++) {
        model_t model = {.policy = policy, .max_bytes = 8 * entries_cost(3, 100)};
        entries_t *entries = entries_new(model.max_bytes, policy);
        unsigned seed = 20240506 + policy;
        for (int64_t now_ms = 0; now_ms < STEPS; now_ms++) {
            s_step(&model, entries, &seed, now_ms);
            cr_assert_eq(entries_bytes(entries), s_model_bytes(&model), "policy %d, step %d", policy,
                         (int)now_ms);
            cr_assert_leq(entries_bytes(entries), model.max_bytes);
        }
        cr_assert_eq(entries_evicted(entries), model.evicted);
        cr_assert_gt(model.evicted, 100, "the bound was met");
        entries_destroy(&entries);
    }
}

/* Specification of Idempotency-Key handling. */
#include "idempotency.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SPEC(name) Test(sim_idempotency, name, .timeout = 30)

static key_outcome_t s_begin(idempotency_t *keys, const char *path, const char *key, const char *body) {
    int status = 0;
    char *text = NULL;
    key_outcome_t outcome = idempotency_begin(keys, "POST", path, key, body, strlen(body), &status, &text);
    if (outcome == KEY_REPLAY) {
        cr_assert(status >= 200);
        cr_assert_str_eq(text, "answer");
    }
    free(text);
    return outcome;
}

SPEC(the_same_request_gets_the_first_answer_again) {
    idempotency_t *keys = idempotency_new();
    cr_assert_eq(s_begin(keys, "/a", "k", "{}"), KEY_FRESH);
    idempotency_finish(keys, "POST", "/a", "k", 202, "answer");
    cr_assert_eq(s_begin(keys, "/a", "k", "{}"), KEY_REPLAY);
    idempotency_destroy(&keys);
}

SPEC(another_body_is_refused) {
    idempotency_t *keys = idempotency_new();
    cr_assert_eq(s_begin(keys, "/a", "k", "{}"), KEY_FRESH);
    idempotency_finish(keys, "POST", "/a", "k", 202, "answer");
    cr_assert_eq(s_begin(keys, "/a", "k", "{ }"), KEY_REUSED);
    idempotency_destroy(&keys);
}

SPEC(a_key_belongs_to_its_path) {
    idempotency_t *keys = idempotency_new();
    cr_assert_eq(s_begin(keys, "/a", "k", "{}"), KEY_FRESH);
    cr_assert_eq(s_begin(keys, "/b", "k", "{}"), KEY_FRESH);
    idempotency_destroy(&keys);
}

SPEC(a_conflict_is_remembered_and_other_refusals_are_not) {
    idempotency_t *keys = idempotency_new();
    const int statuses[] = {400, 404, 422, 500, 503};
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(s_begin(keys, "/a", "k", "{}"), KEY_FRESH);
        idempotency_finish(keys, "POST", "/a", "k", statuses[i], "refusal");
    }
    cr_assert_eq(s_begin(keys, "/a", "k", "{}"), KEY_FRESH);
    idempotency_finish(keys, "POST", "/a", "k", 409, "answer");
    cr_assert_eq(s_begin(keys, "/a", "k", "{}"), KEY_REPLAY);
    idempotency_destroy(&keys);
}

static void *s_second(void *arg) {
    key_outcome_t *outcome = malloc(sizeof *outcome);
    *outcome = s_begin(arg, "/a", "k", "{}");
    return outcome;
}

SPEC(a_second_request_waits_for_the_answer_of_the_first) {
    idempotency_t *keys = idempotency_new();
    pthread_t thread;
    key_outcome_t *outcome;
    cr_assert_eq(s_begin(keys, "/a", "k", "{}"), KEY_FRESH);
    cr_assert_eq(pthread_create(&thread, NULL, s_second, keys), 0);
    idempotency_finish(keys, "POST", "/a", "k", 202, "answer");
    pthread_join(thread, (void **)&outcome);
    cr_assert_eq(*outcome, KEY_REPLAY);
    free(outcome);
    idempotency_destroy(&keys);
}

SPEC(keys_are_visible_ascii_of_at_most_128_bytes) {
    char longest[130];
    memset(longest, 'k', sizeof longest);
    longest[128] = 0;
    cr_assert(idempotency_key_is_valid(longest));
    longest[128] = 'k';
    longest[129] = 0;
    cr_assert_not(idempotency_key_is_valid(longest));
    cr_assert_not(idempotency_key_is_valid(""));
    cr_assert_not(idempotency_key_is_valid("a b"));
    cr_assert_not(idempotency_key_is_valid("\xc3\xa9"));
}

/* The set of components that take commands. */
#include "bus/takers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void s_add(takers_t *self, const char *prefix) {
    takers_add(self, prefix, strlen(prefix));
}

static void s_remove(takers_t *self, const char *prefix) {
    takers_remove(self, prefix, strlen(prefix));
}

Test(takers, are_those_subscribed_to_the_commands_of_a_component, .timeout = 10) {
    takers_t takers = {0};
    cr_expect_not(takers_have(&takers, "cmd/signals/RouteSignal"));
    s_add(&takers, "cmd/signals/");
    cr_expect(takers_have(&takers, "cmd/signals/RouteSignal"));
    cr_expect_not(takers_have(&takers, "cmd/signal/RouteSignal"));
    cr_expect_not(takers_have(&takers, "cmd/signals2/RouteSignal"));
    s_remove(&takers, "cmd/signals/");
    cr_expect_not(takers_have(&takers, "cmd/signals/RouteSignal"));
    takers_free(&takers);
}

Test(takers, are_not_those_subscribed_to_anything_else, .timeout = 10) {
    takers_t takers = {0};
    const char *others[] = {"", "cmd", "cmd/", "cmd/a", "cmd/signals/RouteSignal", "evt/store/", "inbox/12/"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        s_add(&takers, others[i]);
    s_remove(&takers, "");
    cr_expect_eq(takers.count, 0);
    cr_expect_not(takers_have(&takers, "cmd/signals/RouteSignal"));
    cr_expect_not(takers_have(&takers, "cmd/"));
    cr_expect_not(takers_have(&takers, ""));
    takers_free(&takers);
}

Test(takers, are_many_and_leave_one_by_one, .timeout = 10) {
    enum { MANY = 100 };
    takers_t takers = {0};
    char prefix[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(prefix, sizeof prefix, "cmd/c%d/", i);
        s_add(&takers, prefix);
        s_add(&takers, prefix); /* said twice it counts once */
    }
    cr_expect_eq(takers.count, MANY);
    for (int i = 0; i < MANY; i += 2) {
        snprintf(prefix, sizeof prefix, "cmd/c%d/", i);
        s_remove(&takers, prefix);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(prefix, sizeof prefix, "cmd/c%d/Do", i);
        cr_expect_eq(takers_have(&takers, prefix), i % 2 == 1);
    }
    takers_free(&takers);
}

/* Lanes: one delivery of a scope at a time, scopes side by side, nothing forgotten. */
#include "delivery/lanes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static lanes_t s_lanes;

static void s_clear(void) {
    lanes_clear(&s_lanes);
    cr_expect_eq(s_lanes.count, 0);
}

TestSuite(lanes, .fini = s_clear, .timeout = 20);

static lane_t *s_take(const char *scope) {
    lane_t *lane = lanes_take(&s_lanes);
    cr_assert(lane, "no lane is ready, not %s", scope);
    cr_assert_str_eq(lane->scope, scope);
    return lane;
}

Test(lanes, scopes_go_in_the_order_in_which_they_came) {
    cr_expect(lanes_offer(&s_lanes, "desk/A"));
    cr_expect(lanes_offer(&s_lanes, "desk/B"));
    cr_expect(lanes_offer(&s_lanes, "desk/A"));
    cr_expect_eq(s_lanes.count, 2);
    s_take("desk/A");
    s_take("desk/B");
    cr_expect_null(lanes_take(&s_lanes));
}

Test(lanes, a_busy_scope_is_not_taken_again) {
    lanes_offer(&s_lanes, "desk/A");
    lane_t *lane = s_take("desk/A");
    lanes_offer(&s_lanes, "desk/A");
    cr_expect_null(lanes_take(&s_lanes));
    lanes_finish(&s_lanes, lane);
    s_take("desk/A"); /* for what came meanwhile */
}

Test(lanes, a_scope_with_nothing_left_is_dropped) {
    lanes_offer(&s_lanes, "desk/A");
    lanes_finish(&s_lanes, s_take("desk/A"));
    cr_expect_eq(s_lanes.count, 0);
    cr_expect_null(lanes_take(&s_lanes));
}

Test(lanes, one_that_has_more_lets_the_others_go_first) {
    lanes_offer(&s_lanes, "desk/A");
    lanes_offer(&s_lanes, "desk/B");
    lanes_again(&s_lanes, s_take("desk/A"));
    s_take("desk/B");
    s_take("desk/A");
}

Test(lanes, one_that_was_put_back_is_next) {
    lanes_offer(&s_lanes, "desk/A");
    lanes_offer(&s_lanes, "desk/B");
    lanes_put_back(&s_lanes, s_take("desk/A"));
    s_take("desk/A");
    s_take("desk/B");
}

Test(lanes, one_that_waits_comes_when_its_time_comes) {
    lanes_offer(&s_lanes, "desk/A");
    lanes_offer(&s_lanes, "desk/B");
    lanes_wait(&s_lanes, s_take("desk/A"), 500);
    lanes_wait(&s_lanes, s_take("desk/B"), 300);
    lanes_offer(&s_lanes, "desk/A"); /* a new signal does not go ahead of one that waits */
    cr_expect_null(lanes_take(&s_lanes));
    cr_expect_eq(lanes_wake(&s_lanes, 299), 300);
    cr_expect_null(lanes_take(&s_lanes));
    cr_expect_eq(lanes_wake(&s_lanes, 300), 500);
    s_take("desk/B");
    cr_expect_eq(lanes_wake(&s_lanes, 500), 0);
    s_take("desk/A");
}

Test(lanes, a_hurry_ends_a_wait) {
    lanes_offer(&s_lanes, "desk/A");
    lanes_wait(&s_lanes, s_take("desk/A"), 500);
    cr_expect(lanes_hurry(&s_lanes, "desk/A"));
    s_take("desk/A");
    cr_expect(lanes_hurry(&s_lanes, "desk/B"));
    s_take("desk/B");
}

Test(lanes, there_is_room_for_so_many_and_no_more) {
    char scope[OUTBOX_SCOPE_SIZE];
    for (int i = 0; i < LANES_MOST; i++) {
        snprintf(scope, sizeof scope, "desk/%d", i);
        cr_assert(lanes_offer(&s_lanes, scope));
    }
    cr_expect_not(lanes_offer(&s_lanes, "desk/x"));
    cr_expect(lanes_offer(&s_lanes, "desk/7"), "has a lane");
    lanes_finish(&s_lanes, s_take("desk/0"));
    cr_expect(lanes_offer(&s_lanes, "desk/x"));
}

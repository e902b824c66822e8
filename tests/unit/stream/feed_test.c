/* The order of publishing: next, seen, held, and what a read of the store brings. */
#include "stream/feed.h"

#include "tables.gen.h"
#include <criterion/criterion.h>

static CommittedEvent s_event(uint64_t seq) {
    return (CommittedEvent){.seq = seq};
}

static feed_verdict_t s_offer(feed_t *feed, uint64_t seq) {
    CommittedEvent event = s_event(seq);
    return feed_offer(feed, &event);
}

/* The seqs that feed_take gives, as a number: 34 for 3, 4. */
static uint64_t s_take_all(feed_t *feed) {
    CommittedEvent event;
    uint64_t taken = 0;
    while (feed_take(feed, &event)) {
        taken = taken * 10 + event.seq;
        message_release(CommittedEvent_message(), &event);
    }
    return taken;
}

Test(feed, what_follows_is_published_and_what_was_published_is_seen, .timeout = 10) {
    feed_t feed = {0};
    feed_reset(&feed, 7);
    cr_expect_eq(s_offer(&feed, 8), FEED_PUBLISH);
    cr_expect_eq(s_offer(&feed, 8), FEED_SEEN);
    cr_expect_eq(s_offer(&feed, 3), FEED_SEEN);
    cr_expect_eq(s_offer(&feed, 9), FEED_PUBLISH);
    cr_expect_not(feed_behind(&feed));
    feed_free(&feed);
}

Test(feed, a_gap_holds_what_comes_after_until_the_store_was_read, .timeout = 10) {
    feed_t feed = {0};
    feed_reset(&feed, 0);
    cr_expect_eq(s_offer(&feed, 3), FEED_WAIT);
    cr_expect(feed_behind(&feed));
    cr_expect_eq(s_offer(&feed, 4), FEED_WAIT);
    cr_expect_eq(s_take_all(&feed), 0, "nothing before the gap is closed");
    cr_expect_eq(feed_row(&feed, 1), FEED_PUBLISH);
    cr_expect_eq(feed_row(&feed, 2), FEED_PUBLISH);
    cr_expect_eq(s_take_all(&feed), 34);
    cr_expect_not(feed_behind(&feed));
    cr_expect_eq(s_offer(&feed, 5), FEED_PUBLISH);
    feed_free(&feed);
}

Test(feed, what_the_read_brought_too_is_not_taken_twice, .timeout = 10) {
    feed_t feed = {0};
    feed_reset(&feed, 0);
    cr_expect_eq(s_offer(&feed, 2), FEED_WAIT);
    cr_expect_eq(s_offer(&feed, 3), FEED_WAIT);
    cr_expect_eq(feed_row(&feed, 1), FEED_PUBLISH);
    cr_expect_eq(feed_row(&feed, 2), FEED_PUBLISH);
    cr_expect_eq(feed_row(&feed, 2), FEED_SEEN);
    cr_expect_eq(s_take_all(&feed), 3);
    feed_free(&feed);
}

Test(feed, while_a_read_runs_even_the_next_one_waits, .timeout = 10) {
    feed_t feed = {0};
    feed_reset(&feed, 0);
    feed.reading = true;
    cr_expect_eq(s_offer(&feed, 1), FEED_WAIT);
    feed.reading = false;
    cr_expect_eq(s_take_all(&feed), 1);
    feed_free(&feed);
}

Test(feed, the_store_decides_what_exists, .timeout = 10) {
    feed_t feed = {0};
    feed_reset(&feed, 10);
    cr_expect_eq(feed_row(&feed, 500), FEED_PUBLISH, "11 to 499 are no longer kept");
    cr_expect_eq(s_offer(&feed, 501), FEED_PUBLISH);
    feed_free(&feed);
}

Test(feed, a_second_gap_behind_the_first_needs_another_read, .timeout = 10) {
    feed_t feed = {0};
    feed_reset(&feed, 0);
    cr_expect_eq(s_offer(&feed, 2), FEED_WAIT);
    cr_expect_eq(s_offer(&feed, 4), FEED_WAIT);
    cr_expect_eq(feed_row(&feed, 1), FEED_PUBLISH);
    cr_expect_eq(s_take_all(&feed), 2);
    cr_expect(feed_behind(&feed), "4 is known, 3 is not here");
    cr_expect_eq(feed_row(&feed, 3), FEED_PUBLISH);
    cr_expect_eq(feed_row(&feed, 4), FEED_PUBLISH);
    cr_expect_not(feed_behind(&feed));
    feed_free(&feed);
}

Test(feed, what_is_held_is_bounded_and_nothing_is_lost_by_it, .timeout = 10) {
    feed_t feed = {0};
    uint64_t last = FEED_HELD_EVENTS + 100, held_to = FEED_HELD_EVENTS + 1;
    feed_reset(&feed, 0);
    for (uint64_t seq = 2; seq <= last; seq++)
        cr_assert_eq(s_offer(&feed, seq), FEED_WAIT);
    cr_expect_eq(feed.held_count, FEED_HELD_EVENTS);
    cr_expect_eq(feed_row(&feed, 1), FEED_PUBLISH);
    s_take_all(&feed);
    cr_expect_eq(feed.last, held_to);
    cr_expect(feed_behind(&feed));
    cr_expect_eq(feed.known, last);
    feed_free(&feed);
}

Test(feed, big_events_are_held_within_a_limit_of_bytes, .timeout = 10) {
    feed_t feed = {0};
    static const char bytes[1 << 20];
    CommittedEvent event = {.payload = message_bytes(bytes, sizeof bytes)};
    feed_reset(&feed, 0);
    for (event.seq = 2; event.seq < 40; event.seq++)
        feed_offer(&feed, &event);
    cr_expect_leq(feed.held_bytes, FEED_HELD_BYTES);
    cr_expect_geq(feed.held_count, 10);
    feed_free(&feed);
    free(event.payload);
}

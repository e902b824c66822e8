/* A subscriber's view: gaps, repetitions, heartbeats, reconnections, another store. */
#include "stream/follow.h"

#include <criterion/criterion.h>
#include <stdio.h>

static StreamHeader s_header(uint64_t seq, uint64_t topic_seq) {
    return (StreamHeader){.epoch = 1, .seq = seq, .topic_seq = topic_seq};
}

static follow_verdict_t s_live(follow_t *self, const char *topic, uint64_t seq, uint64_t topic_seq) {
    StreamHeader header = s_header(seq, topic_seq);
    return follow_live(self, topic, &header);
}

static follow_verdict_t s_replayed(follow_t *self, const char *topic, uint64_t seq, uint64_t topic_seq) {
    StreamHeader header = s_header(seq, topic_seq);
    return follow_replayed(self, topic, &header);
}

static void s_beat(follow_t *self, uint64_t last_seq) {
    StreamHeader header = s_header(0, 0);
    follow_heartbeat(self, &header, last_seq);
}

static void s_end(follow_t *self, uint64_t last_seq, bool more) {
    follow_end(self, &(ReplayEnd){.epoch = 1, .last_seq = last_seq, .more = more});
}

Test(follow, it_begins_with_whatever_comes_first, .timeout = 10) {
    follow_t *all = follow_new("");
    cr_expect_eq(s_live(all, "a", 100, 7), FOLLOW_NEW);
    cr_expect_eq(s_live(all, "a", 101, 8), FOLLOW_NEW);
    cr_expect_not(follow_due(all));
    follow_destroy(&all);
}

Test(follow, what_came_is_seen, .timeout = 10) {
    follow_t *all = follow_new(""), *some = follow_new("a");
    cr_expect_eq(s_live(all, "a", 100, 7), FOLLOW_NEW);
    cr_expect_eq(s_live(all, "a", 100, 7), FOLLOW_SEEN);
    cr_expect_eq(s_live(some, "a", 100, 7), FOLLOW_NEW);
    cr_expect_eq(s_live(some, "a", 100, 7), FOLLOW_SEEN);
    follow_destroy(&all);
    follow_destroy(&some);
}

Test(follow, a_gap_in_seq_is_filled_by_a_replay_and_then_it_goes_on, .timeout = 10) {
    follow_t *all = follow_new("");
    s_live(all, "a", 1, 1);
    cr_expect_eq(s_live(all, "a", 4, 4), FOLLOW_GAP);
    cr_expect(follow_due(all));
    cr_expect_eq(follow_ask(all), 1);
    cr_expect_eq(s_live(all, "a", 5, 5), FOLLOW_GAP, "kept while the replay runs");
    for (uint64_t seq = 2; seq <= 4; seq++)
        cr_expect_eq(s_replayed(all, "a", seq, seq), FOLLOW_NEW);
    s_end(all, 4, false);
    cr_expect_not(follow_due(all));
    cr_expect_eq(s_live(all, "a", 4, 4), FOLLOW_SEEN);
    cr_expect_eq(s_live(all, "a", 5, 5), FOLLOW_NEW);
    cr_expect_eq(follow_lost(all), 0);
    follow_destroy(&all);
}

Test(follow, a_replay_that_was_cut_is_asked_for_on_from_where_it_ended, .timeout = 10) {
    follow_t *all = follow_new("");
    follow_begin_after(all, 0);
    cr_expect_eq(follow_ask(all), 0);
    s_replayed(all, "a", 1, 1);
    s_replayed(all, "a", 2, 2);
    s_end(all, 9, true);
    cr_expect(follow_due(all));
    cr_expect_eq(follow_ask(all), 2);
    follow_destroy(&all);
}

Test(follow, a_heartbeat_tells_that_the_last_messages_were_lost, .timeout = 10) {
    follow_t *all = follow_new("");
    s_live(all, "a", 1, 1);
    s_beat(all, 1);
    cr_expect_not(follow_due(all));
    s_beat(all, 3);
    cr_expect(follow_due(all));
    cr_expect_eq(follow_ask(all), 1);
    follow_destroy(&all);
}

Test(follow, what_is_no_longer_kept_is_counted_as_lost_and_following_goes_on, .timeout = 10) {
    follow_t *all = follow_new("");
    follow_begin_after(all, 10);
    follow_ask(all);
    cr_expect_eq(s_replayed(all, "a", 16, 3), FOLLOW_NEW);
    s_end(all, 16, false);
    cr_expect_eq(follow_lost(all), 5);
    cr_expect_eq(s_live(all, "a", 17, 4), FOLLOW_NEW);
    follow_destroy(&all);
}

Test(follow, a_prefix_knows_a_gap_by_topic_seq_and_not_by_seq, .timeout = 10) {
    follow_t *some = follow_new("signal/");
    cr_expect_eq(s_live(some, "signal/a", 10, 1), FOLLOW_NEW);
    cr_expect_eq(s_live(some, "signal/b", 20, 1), FOLLOW_NEW, "11 to 19 are of other topics");
    cr_expect_eq(s_live(some, "signal/a", 40, 3), FOLLOW_GAP);
    cr_expect_eq(follow_ask(some), 10, "after the last one of that topic");
    cr_expect_eq(s_replayed(some, "signal/b", 20, 1), FOLLOW_SEEN);
    cr_expect_eq(s_replayed(some, "signal/a", 30, 2), FOLLOW_NEW);
    cr_expect_eq(s_replayed(some, "signal/a", 40, 3), FOLLOW_NEW);
    s_end(some, 40, false);
    cr_expect_eq(s_live(some, "signal/a", 40, 3), FOLLOW_SEEN);
    cr_expect_eq(s_live(some, "signal/c", 35, 1), FOLLOW_SEEN, "the replay would have shown it");
    cr_expect_eq(s_live(some, "signal/c", 41, 1), FOLLOW_NEW);
    follow_destroy(&some);
}

Test(follow, a_prefix_that_hears_nothing_of_its_own_asks_now_and_then, .timeout = 10) {
    follow_t *some = follow_new("signal/");
    s_live(some, "signal/a", 10, 1);
    for (uint64_t beat = 1; beat < FOLLOW_QUIET; beat++) {
        s_beat(some, 10 + beat);
        cr_expect_not(follow_due(some));
    }
    s_beat(some, 20);
    cr_expect(follow_due(some));
    cr_expect_eq(follow_ask(some), 10);
    s_end(some, 20, false);
    s_beat(some, 20);
    cr_expect_not(follow_due(some));
    follow_destroy(&some);
}

Test(follow, after_a_lost_connection_a_replay_is_due, .timeout = 10) {
    follow_t *some = follow_new("signal/");
    s_live(some, "signal/a", 10, 1);
    follow_reconnected(some);
    cr_expect(follow_due(some));
    cr_expect_eq(follow_ask(some), 10);
    cr_expect_eq(s_live(some, "signal/b", 12, 1), FOLLOW_GAP);
    cr_expect_eq(s_replayed(some, "signal/a", 11, 2), FOLLOW_NEW);
    cr_expect_eq(s_replayed(some, "signal/b", 12, 1), FOLLOW_NEW);
    s_end(some, 12, false);
    cr_expect_eq(s_live(some, "signal/b", 12, 1), FOLLOW_SEEN);
    follow_destroy(&some);
}

Test(follow, another_epoch_is_another_stream_from_its_beginning, .timeout = 10) {
    follow_t *all = follow_new("");
    StreamHeader other = {.epoch = 2, .seq = 3, .topic_seq = 3};
    s_live(all, "a", 100, 1);
    cr_expect_eq(follow_live(all, "a", &other), FOLLOW_GAP);
    cr_expect_eq(follow_epoch(all), 2);
    cr_expect(follow_due(all));
    cr_expect_eq(follow_ask(all), 0);
    other.seq = 1;
    cr_expect_eq(follow_replayed(all, "a", &other), FOLLOW_NEW);
    follow_destroy(&all);
}

Test(follow, a_replay_that_turns_out_to_be_of_another_store_does_not_count, .timeout = 10) {
    follow_t *all = follow_new("");
    StreamHeader other = {.epoch = 2, .seq = 150, .topic_seq = 3};
    s_live(all, "a", 100, 1);
    follow_reconnected(all);
    cr_expect_eq(follow_ask(all), 100);
    cr_expect_eq(follow_replayed(all, "a", &other), FOLLOW_SEEN);
    follow_end(all, &(ReplayEnd){.epoch = 2, .last_seq = 150});
    cr_expect(follow_due(all));
    cr_expect_eq(follow_ask(all), 0, "again, from the beginning of the new one");
    follow_destroy(&all);
}

Test(follow, topics_are_remembered_within_a_limit_and_nothing_is_shown_twice, .timeout = 30) {
    follow_t *some = follow_new("t");
    char topic[32];
    uint64_t shown = 0;
    for (uint64_t seq = 1; seq <= FOLLOW_TOPICS + 10; seq++) {
        snprintf(topic, sizeof topic, "t%d", (int)seq);
        shown += s_live(some, topic, seq, 1) == FOLLOW_NEW;
    }
    cr_expect_eq(shown, FOLLOW_TOPICS + 10);
    cr_expect_eq(s_live(some, "t1", 1, 1), FOLLOW_SEEN);
    cr_expect_eq(s_live(some, "t70000", FOLLOW_TOPICS + 11, 1), FOLLOW_NEW);
    follow_destroy(&some);
}

/* Replay: what was published is sent again to whoever asks for it. */
#include "stream_fixture.h"

static void s_ask(void *dealer, const char *prefix, uint64_t after, uint32_t limit) {
    ReplayRequest request = {.after_seq = after, .limit = limit};
    buf_t bytes = BUF_INIT;
    MESSAGE_PUT(request.prefix, prefix);
    cr_assert_eq(message_encode(ReplayRequest_message(), &request, &bytes), OK);
    cr_assert_geq(zmq_send(dealer, buf_str(&bytes), bytes.size, 0), 0);
    buf_free(&bytes);
}

typedef struct {
    uint64_t count, first, last;
    bool ordered, marked; /* in seq order; all marked as replay */
    char topic[161];
    ReplayEnd end;
    char error[256]; /* "" when it ended well */
} answer_t;

static void s_take_row(answer_t *answer, const char *topic, size_t topic_size, const char *bytes,
                       size_t size) {
    StreamHeader header = StreamHeader_init_zero;
    cr_assert_eq(message_decode(StreamHeader_message(), bytes, size, &header), OK);
    answer->ordered = answer->ordered && header.seq > answer->last;
    answer->marked = answer->marked && header.replay;
    answer->first = answer->count++ ? answer->first : header.seq;
    answer->last = header.seq;
    snprintf(answer->topic, sizeof answer->topic, "%.*s", (int)topic_size, topic);
}

static answer_t s_answer(void *dealer) {
    static char frames[3][65536];
    answer_t answer = {.ordered = true, .marked = true};
    for (;;) {
        size_t sizes[3];
        size_t count = receive_frames(dealer, frames, sizes);
        cr_assert_neq(count, 0, "an answer comes");
        if (count == 3) {
            s_take_row(&answer, frames[0], sizes[0], frames[1], sizes[1]);
            continue;
        }
        cr_assert_eq(count, 2);
        if (sizes[0] == 5 && memcmp(frames[0], "error", 5) == 0) {
            snprintf(answer.error, sizeof answer.error, "%.*s", (int)sizes[1], frames[1]);
            return answer;
        }
        cr_assert(sizes[0] == 3 && memcmp(frames[0], "end", 3) == 0);
        cr_assert_eq(message_decode(ReplayEnd_message(), frames[1], sizes[1], &answer.end), OK);
        return answer;
    }
}

static answer_t s_replay(fixture_t *f, const char *prefix, uint64_t after, uint32_t limit) {
    void *dealer = connect_socket(ZMQ_DEALER, f->replay_url);
    s_ask(dealer, prefix, after, limit);
    answer_t answer = s_answer(dealer);
    zmq_close(dealer);
    return answer;
}

static void s_begin(fixture_t *f, int a, int b) {
    if (a)
        commit_signals(f, "A", a, 1);
    if (b)
        commit_signals(f, "B", b, 1);
    start_stream(f);
    wait_published(f, (uint64_t)a + (uint64_t)b);
}

STREAM_TEST(stream_replay, all_that_came_after_a_seq_comes_again_and_then_the_end) {
    s_begin(f, 600, 100);
    answer_t answer = s_replay(f, "", 100, 0);
    cr_expect_eq(answer.count, 600);
    cr_expect_eq(answer.first, 101);
    cr_expect_eq(answer.last, 700);
    cr_expect(answer.ordered);
    cr_expect(answer.marked);
    cr_expect_eq(answer.end.first_seq, 1);
    cr_expect_eq(answer.end.last_seq, 700);
    cr_expect_not(answer.end.more);
    StreamStats stats = stream_stats(f);
    cr_expect_eq(answer.end.epoch, stats.epoch);
    cr_expect_eq(stats.replays, 1);
    cr_expect_eq(stats.replayed, 600);
    message_release(StreamStats_message(), &stats);
}

STREAM_TEST(stream_replay, a_prefix_chooses_topics) {
    s_begin(f, 20, 5);
    answer_t answer = s_replay(f, "signal/execution/B", 0, 0);
    cr_expect_eq(answer.count, 5);
    cr_expect_str_eq(answer.topic, "signal/execution/B");
    cr_expect_eq(s_replay(f, "cycle/", 0, 0).count, 0);
}

STREAM_TEST(stream_replay, a_limit_cuts_and_says_that_there_is_more) {
    s_begin(f, 1001, 0);
    answer_t answer = s_replay(f, "", 0, 10);
    cr_expect_eq(answer.count, 10);
    cr_expect(answer.end.more);
    answer = s_replay(f, "", 0, 0);
    cr_expect_eq(answer.count, 1000, "1000 when none is named");
    cr_expect(answer.end.more);
    answer = s_replay(f, "", 1, 1000);
    cr_expect_eq(answer.count, 1000);
    cr_expect_not(answer.end.more, "exactly all is not cut");
}

static void s_commit_many(fixture_t *f, const char *symbol, int count) {
    for (int left = count; left > 0; left -= 1000)
        commit_signals(f, symbol, left < 1000 ? left : 1000, 1);
}

/* Of 45,005 events five are of the prefix: at the beginning, on both sides of a window's end, in the middle, at the
 * end. Each query looks at 20,000 at most, so that it takes several, between which others have their turn. */
static void s_begin_with_rare_ones(fixture_t *f) {
    commit_signals(f, "RARE", 1, 1);
    s_commit_many(f, "A", 19998);
    commit_signals(f, "RARE", 2, 1); /* 20,000 and 20,001 */
    s_commit_many(f, "A", 10000);
    commit_signals(f, "RARE", 1, 1); /* 30,002 */
    s_commit_many(f, "A", 15002);
    commit_signals(f, "RARE", 1, 1); /* 45,005 */
    start_stream(f);
    wait_published(f, 45005);
}

STREAM_TEST(stream_replay, a_rare_prefix_is_looked_for_in_windows_and_found_to_the_last) {
    s_begin_with_rare_ones(f);
    double before = harness_metric(&f->harness, "store-reader", "queries_total");
    answer_t answer = s_replay(f, "signal/execution/RARE", 0, 0);
    cr_expect_eq(answer.count, 5);
    cr_expect(answer.ordered);
    cr_expect_eq(answer.last, 45005);
    cr_expect_eq(answer.end.last_seq, 45005);
    cr_expect_not(answer.end.more);
    double queries = harness_metric(&f->harness, "store-reader", "queries_total") - before;
    cr_expect_eq(queries, 1 + 3, "the bounds, and three windows; %g queries", queries);
    answer = s_replay(f, "signal/execution/NONE", 0, 0);
    cr_expect_eq(answer.count, 0);
    cr_expect_eq(answer.end.last_seq, 45005);
    cr_expect_not(answer.end.more);
}

STREAM_TEST(stream_replay, a_limit_within_a_rare_prefix_says_whether_more_is_far_behind) {
    s_begin_with_rare_ones(f);
    answer_t answer = s_replay(f, "signal/execution/RARE", 0, 1);
    cr_expect_eq(answer.last, 1);
    cr_expect(answer.end.more, "the next is at the end of the window");
    answer = s_replay(f, "signal/execution/RARE", 1, 2);
    cr_expect_eq(answer.count, 2);
    cr_expect_eq(answer.last, 20001);
    cr_expect(answer.end.more, "the next is in the same window");
    answer = s_replay(f, "signal/execution/RARE", 20001, 1);
    cr_expect_eq(answer.last, 30002);
    cr_expect(answer.end.more, "the next is in the last window");
    answer = s_replay(f, "signal/execution/RARE", 20001, 2);
    cr_expect_eq(answer.last, 45005);
    cr_expect_not(answer.end.more, "exactly all is not cut");
    answer = s_replay(f, "signal/execution/RARE", 45005, 0);
    cr_expect_eq(answer.count, 0);
    cr_expect_not(answer.end.more);
    answer = s_replay(f, "signal/execution/RARE", 99999, 0);
    cr_expect_eq(answer.count, 0, "beyond the end there is nothing");
    cr_expect_not(answer.end.more);
}

STREAM_TEST(stream_replay, a_replayed_message_is_the_live_one_marked_as_replay) {
    static got_t live, again;
    start_stream(f);
    void *sub = subscribe(f, "signal/");
    commit_signals(f, "A", 1, 100);
    next_message(sub, &live);
    void *dealer = connect_socket(ZMQ_DEALER, f->replay_url);
    s_ask(dealer, "", 0, 1);
    cr_assert(receive(dealer, &again));
    cr_expect_not(live.header.replay);
    cr_expect(again.header.replay);
    cr_expect_eq(again.header.published_at_us, live.header.published_at_us);
    again.header.replay = false;
    cr_expect_eq(memcmp(&again.header, &live.header, sizeof live.header), 0);
    cr_expect_eq(again.size, live.size);
    cr_expect_eq(memcmp(again.payload, live.payload, live.size), 0);
    zmq_close(sub);
    zmq_close(dealer);
}

STREAM_TEST(stream_replay, of_an_empty_stream_only_the_end_comes) {
    s_begin(f, 0, 0);
    void *sub = subscribe(f, ""); /* its heartbeat says that the stream knows where it stands */
    answer_t answer = s_replay(f, "", 0, 0);
    cr_expect_eq(answer.count, 0);
    cr_expect_eq(answer.end.first_seq, 0);
    cr_expect_eq(answer.end.last_seq, 0);
    cr_expect_not(answer.end.more);
    zmq_close(sub);
}

STREAM_TEST(stream_replay, a_bad_request_gets_an_error_that_says_why) {
    s_begin(f, 1, 0);
    cr_expect(strstr(s_replay(f, "", 0, 10001).error, "10000"));
    cr_expect(strstr(s_replay(f, "", UINT64_MAX, 1).error, "after_seq"));
    void *dealer = connect_socket(ZMQ_DEALER, f->replay_url);
    zmq_send(dealer, "\x0a\xff", 2, 0);
    cr_expect(strstr(s_answer(dealer).error, "ReplayRequest"));
    zmq_send(dealer, "", 0, ZMQ_SNDMORE);
    zmq_send(dealer, "", 0, 0);
    cr_expect(strstr(s_answer(dealer).error, "one frame"));
    static const char long_request[3000] = {0x0a};
    zmq_send(dealer, long_request, sizeof long_request, 0);
    cr_expect(strstr(s_answer(dealer).error, "ReplayRequest"));
    s_ask(dealer, "", 0, 1);
    cr_expect_eq(s_answer(dealer).count, 1, "the connection is as good as before");
    zmq_close(dealer);
}

STREAM_TEST(stream_replay, several_peers_get_theirs_at_once_and_too_many_are_told) {
    enum { PEERS = 40 };
    void *dealers[PEERS];
    int served = 0, refused = 0;
    s_begin(f, 1200, 0);
    for (int i = 0; i < PEERS; i++)
        dealers[i] = connect_socket(ZMQ_DEALER, f->replay_url);
    for (int i = 0; i < PEERS; i++)
        s_ask(dealers[i], "", 0, 1200);
    for (int i = 0; i < PEERS; i++) {
        answer_t answer = s_answer(dealers[i]);
        served += answer.count == 1200 && answer.ordered;
        refused += strstr(answer.error, "too many") != NULL;
        zmq_close(dealers[i]);
    }
    cr_expect_eq(served + refused, PEERS);
    cr_expect_geq(served, 32);
}

STREAM_TEST(stream_replay, a_peer_with_a_replay_under_way_is_refused_another) {
    s_begin(f, 3000, 0);
    void *dealer = connect_socket(ZMQ_DEALER, f->replay_url);
    s_ask(dealer, "", 0, 3000);
    s_ask(dealer, "", 0, 3000);
    answer_t first = s_answer(dealer);
    answer_t second = s_answer(dealer);
    cr_expect_eq(first.count + second.count, 3000);
    cr_expect((first.error[0] != 0) + (second.error[0] != 0) == 1);
    cr_expect(strstr(*first.error ? first.error : second.error, "under way"));
    s_ask(dealer, "", 2990, 0);
    cr_expect_eq(s_answer(dealer).count, 10, "after the end it may ask again");
    zmq_close(dealer);
}

/* What the kernel and the peer's queue hold is far less than what is asked for. */
STREAM_TEST(stream_replay, a_peer_that_takes_nothing_is_cut_off_and_learns_that_there_is_more) {
    enum { ROWS = 6000, BYTES = 8000 };
    for (int i = 0; i < ROWS / 200; i++)
        commit_signals(f, "A", 200, BYTES);
    start_stream(f);
    wait_published(f, ROWS);
    void *dealer = zmq_socket(zsys_init(), ZMQ_DEALER);
    zmq_setsockopt(dealer, ZMQ_LINGER, &(int){0}, sizeof(int));
    zmq_setsockopt(dealer, ZMQ_RCVTIMEO, &(int){HARNESS_MS}, sizeof(int));
    zmq_setsockopt(dealer, ZMQ_RCVHWM, &(int){1}, sizeof(int));
    zmq_setsockopt(dealer, ZMQ_RCVBUF, &(int){8192}, sizeof(int));
    cr_assert_eq(zmq_connect(dealer, f->replay_url), 0);
    s_ask(dealer, "", 0, ROWS);
    wanted_t wanted = {.f = f, .value = 1};
    for (double before = -1, now = 0; now != before || now == 0;) { /* until it sends no more */
        before = now;
        harness_until(is_published_up_to, &wanted, "the stream answers");
        zmq_poll(NULL, 0, 300);
        now = harness_metric(&f->harness, "stream", "replayed_total");
    }
    answer_t answer = s_answer(dealer);
    cr_expect_lt(answer.count, ROWS);
    cr_expect(answer.ordered);
    cr_expect_eq(answer.last, answer.count, "from the first on, nothing left out");
    cr_expect(answer.end.more);
    zmq_close(dealer);
}

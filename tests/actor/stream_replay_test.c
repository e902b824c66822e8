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
    wanted_t wanted = {f, 1};
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

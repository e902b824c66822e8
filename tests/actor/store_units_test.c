/* Units that need one another, and events that stand on earlier ones: the same on both engines. */
#include "store_fixture.h"

#include <math.h>

/* An op with an event whose message holds two seqs (any message with fixed64 fields). */
static void s_add_marked(store_write_t *write, const char *key, const char *topic, uint64_t seq,
                         uint64_t topic_seq) {
    StoreOpResult mark = {.seq = seq, .topic_seq = topic_seq};
    store_write_op(write, "system_state_set", "ssi", key, "1", (int64_t)0);
    store_write_event(write, topic, StoreOpResult_message(), &mark, NULL);
}

static StoreOpResult s_read_marks(const CommittedEvent *event) {
    StoreOpResult marks = StoreOpResult_init_zero;
    cr_assert_eq(message_decode(StoreOpResult_message(), event->payload->bytes, event->payload->size, &marks),
                 OK);
    return marks;
}

static void s_expect_codes(const StoreWritten *written, size_t count, const char *const *codes) {
    cr_assert_eq(written->units_count, count);
    for (size_t i = 0; i < count; i++)
        cr_assert_str_eq(written->units[i].code, codes[i], "unit %zu: %s (%s)", i, written->units[i].code,
                         written->units[i].message ? written->units[i].message : "");
}

static int64_t s_state_time(fixture_t *f, const char *key) {
    StoreRows rows = query(f, 1, "system_state_get", "s", key);
    int64_t value = row_int(&rows, 0, 1);
    rows_free(&rows);
    return value;
}

/* ---- seqs of earlier units ---- */

STORE_TEST(a_seq_of_an_earlier_unit_is_written_where_it_is_asked_for) {
    store_write_t *write = store_write_new();
    add_state(write, "t/0", "other", "1");
    StoreWritten written = commit(f, &write); /* units count within their own write */
    written_free(&written);
    write = store_write_new();
    store_write_op(write, "system_state_set", "ssi", "a", "1", (int64_t)0);
    s_add_marked(write, "b", "t/1", STORE_SEQ_OF(1), 0);
    store_write_unit(write);
    s_add_marked(write, "c", "t/1", STORE_SEQ_OF(0), STORE_SEQ_OF_UNIT(0, 1));
    store_write_seq_of(write, 0, 1, 2);
    store_write_unit(write);
    s_add_marked(write, "d", "t/2", STORE_SEQ_OF_UNIT(1, 0),
                 STORE_SEQ_OF_UNIT(2, 0)); /* the last: not earlier */
    written = commit(f, &write);
    s_expect_codes(&written, 3, (const char *[]){"OK", "OK", "OK"});
    written_free(&written);
    cr_assert_eq(s_state_time(f, "c"), 2);

    CommittedEvents events = CommittedEvents_init_zero;
    next_event(f, STORE_TOPIC_COMMITTED, CommittedEvents_message(), &events);
    message_release(CommittedEvents_message(), &events);
    next_event(f, STORE_TOPIC_COMMITTED, CommittedEvents_message(), &events);
    cr_assert_eq(events.events_count, 3);
    cr_assert_eq(s_read_marks(&events.events[0]).seq, 2);
    cr_assert_eq(s_read_marks(&events.events[1]).seq, 3);
    cr_assert_eq(s_read_marks(&events.events[1]).topic_seq, 2);
    cr_assert_eq(s_read_marks(&events.events[2]).seq, 3);
    cr_assert_eq(s_read_marks(&events.events[2]).topic_seq, STORE_SEQ_OF_UNIT(2, 0),
                 "a number like any other");
    message_release(CommittedEvents_message(), &events);
}

STORE_TEST(a_seq_of_a_unit_that_was_not_stored_is_zero) {
    store_write_t *write = store_write_new();
    add_signal(write, "one", "A", "macro", 1000);
    store_write_unit(write);
    add_signal(write, "one", "A", "macro", 1000);
    store_write_unit(write);
    s_add_marked(write, "c", "t/1", STORE_SEQ_OF_UNIT(1, 0), STORE_SEQ_OF_UNIT(0, 0));
    store_write_seq_of(write, 1, 0, 2);
    StoreWritten written = commit(f, &write);
    s_expect_codes(&written, 3, (const char *[]){"OK", "CONFLICT", "OK"});
    cr_assert_eq(written.units[2].ops[0].seq, 2);
    written_free(&written);
    cr_assert_eq(s_state_time(f, "c"), 0);
    CommittedEvents events = CommittedEvents_init_zero;
    next_event(f, STORE_TOPIC_COMMITTED, CommittedEvents_message(), &events);
    cr_assert_eq(s_read_marks(&events.events[1]).seq, 0);
    cr_assert_eq(s_read_marks(&events.events[1]).topic_seq, 1);
    message_release(CommittedEvents_message(), &events);
}

STORE_TEST(a_seq_of_a_later_unit_fails_the_unit_alone) {
    store_write_t *write = store_write_new();
    store_write_op(write, "system_state_set", "ssi", "a", "1", (int64_t)0);
    store_write_seq_of(write, 1, 0, 2);
    store_write_unit(write);
    add_state(write, "t/1", "b", "1");
    StoreWritten written = commit(f, &write);
    s_expect_codes(&written, 2, (const char *[]){"INTERNAL", "OK"});
    written_free(&written);
    cr_assert(state_is(f, "a", NULL));
}

/* ---- units after others ---- */

STORE_TEST(a_unit_after_one_that_was_not_stored_is_not_either) {
    store_write_t *write = store_write_new();
    add_signal(write, "one", "A", "macro", 1000);
    StoreWritten written = commit(f, &write);
    written_free(&written);

    write = store_write_new();
    add_state(write, "t/1", "zero", "1");
    store_write_unit(write); /* 1: a duplicate, which fails in the middle */
    add_state(write, "t/1", "duplicate", "1");
    store_write_op(write, "signal_status_set", "ssssni", "nobody", "routed", "superseded", "x", (int64_t)1);
    store_write_expect(write, 1);
    store_write_unit(write); /* 2 after 1 */
    store_write_after(write, 0);
    store_write_after(write, 1);
    add_state(write, "t/1", "dependent", "1");
    store_write_unit(write); /* 3 after 2, and so after 1 */
    store_write_after(write, 2);
    add_signal(write, "three", "A", "macro", 1000);
    store_write_unit(write); /* 4 after 0 */
    store_write_after(write, 0);
    add_signal(write, "four", "A", "macro", 1000);
    store_write_unit(write); /* 5: alone */
    add_state(write, "t/1", "five", "1");
    written = commit(f, &write);
    s_expect_codes(&written, 6, (const char *[]){"OK", "CONFLICT", "CONFLICT", "CONFLICT", "OK", "OK"});
    cr_assert_eq(written.units[2].ops_count, 0);
    cr_assert_eq(written.units[0].ops[0].seq, 2);
    cr_assert_eq(written.units[4].ops[0].seq, 3);
    cr_assert_eq(written.units[5].ops[0].seq, 4);
    cr_assert_eq(written.units[5].ops[0].topic_seq, 2);
    written_free(&written);
    cr_assert(state_is(f, "dependent", NULL));
    cr_assert(state_is(f, "duplicate", NULL));
    cr_assert(state_is(f, "five", "1"));
    StoreRows rows = query(f, 10, "signals_by_ids", "s", "[\"three\", \"four\", \"nobody\"]");
    cr_assert_eq(rows.rows_count, 1);
    cr_assert_eq(row_int(&rows, 0, 0), 3);
    rows_free(&rows);
}

STORE_TEST(a_unit_after_a_duplicate_or_a_wrong_one_is_not_stored) {
    store_write_t *write = store_write_new();
    add_signal(write, "one", "A", "macro", 1000);
    store_write_unit(write); /* 1: a duplicate: its first statement finds it */
    add_signal(write, "one", "A", "macro", 1000);
    store_write_unit(write); /* 2 */
    store_write_after(write, 1);
    add_signal(write, "two", "A", "macro", 1000);
    store_write_unit(write); /* 3: wrong in itself */
    store_write_op(write, "system_state_set", "s", "too few");
    store_write_unit(write); /* 4 */
    store_write_after(write, 3);
    add_signal(write, "four", "A", "macro", 1000);
    store_write_unit(write); /* 5 */
    store_write_after(write, 0);
    add_signal(write, "five", "A", "macro", 1000);
    StoreWritten written = commit(f, &write);
    s_expect_codes(&written, 6, (const char *[]){"OK", "CONFLICT", "CONFLICT", "INTERNAL", "CONFLICT", "OK"});
    cr_assert_eq(written.units[5].ops[0].seq, 2);
    written_free(&written);
}

/* So many go together; those that are there already are found one by one. */
STORE_TEST(duplicates_among_many_signals_end_alone_with_what_comes_after_them) {
    enum { COUNT = 240, EVERY = 60 };
    store_write_t *write = store_write_new();
    for (int i = 0; i < COUNT; i++) { /* after EVERY signals the first of them again, and one that needs it */
        char id[16];
        bool again = i % EVERY == EVERY - 2, needs = i % EVERY == EVERY - 1;
        snprintf(id, sizeof id, "s%d", again ? i - (EVERY - 2) : i);
        size_t unit = store_write_unit(write);
        if (needs)
            store_write_after(write, unit - 1);
        add_signal(write, id, "A", "macro", 1000 + i);
    }
    StoreWritten written = commit(f, &write);
    uint64_t seq = 0;
    cr_assert_eq(written.units_count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        bool stored = i % EVERY < EVERY - 2;
        cr_assert_str_eq(written.units[i].code, stored ? "OK" : "CONFLICT", "unit %d", i);
        cr_assert(!stored || written.units[i].ops[0].seq == ++seq);
    }
    written_free(&written);
    StoreRows rows = query(f, 1, "signal_by_id", "s", "s119");
    cr_assert_eq(rows.rows_count, 0);
    rows_free(&rows);
    rows = query(f, COUNT, "stream_events_after", "isi", (int64_t)0, "signal/", (int64_t)COUNT);
    cr_assert_eq(rows.rows_count, seq);
    rows_free(&rows);
}

STORE_TEST(units_of_many_writes_in_one_group_depend_on_those_of_their_own) {
    enum { WRITES = 50 };
    for (int i = 0; i < WRITES; i++) { /* in every other write the first unit is a duplicate */
        char first[16], second[16];
        snprintf(first, sizeof first, "f%d", i / 2);
        snprintf(second, sizeof second, "s%d", i);
        store_write_t *write = store_write_new();
        add_signal(write, first, "A", "macro", 1000);
        store_write_unit(write);
        store_write_after(write, 0);
        s_add_marked(write, second, "t/1", STORE_SEQ_OF_UNIT(0, 0), 0);
        store_write_seq_of(write, 0, 0, 2);
        StoreWrite message = store_write_take(&write);
        harness_send(&f->harness, &rpc_StoreWriter_Write, &message);
        message_release(StoreWrite_message(), &message);
    }
    int stored = 0;
    for (int i = 0; i < WRITES; i++) {
        bus_message_t message;
        StoreWritten written = StoreWritten_init_zero;
        harness_recv(&f->harness, &message);
        cr_assert_eq(harness_reply(&message, StoreWritten_message(), &written), OK);
        cr_assert_str_eq(written.units[0].code, written.units[1].code);
        stored += strcmp(written.units[0].code, "OK") == 0;
        written_free(&written);
        bus_message_close(&message);
    }
    cr_assert_eq(stored, WRITES / 2);
    for (int i = 0; i < WRITES / 2; i++) {
        char key[16], id[16];
        snprintf(key, sizeof key, "s%d", i * 2);
        snprintf(id, sizeof id, "f%d", i);
        StoreRows rows = query(f, 1, "signal_by_id", "s", id);
        cr_assert_eq(s_state_time(f, key), row_int(&rows, 0, 0), "the seq of the unit of its own write");
        rows_free(&rows);
    }
}

/* ---- events on earlier ones ---- */

static uint64_t s_publish(fixture_t *f, uint64_t base_seq, const char *state, const char *schema) {
    IdempotencyEnd payload = IdempotencyEnd_init_zero; /* any message with texts */
    payload.principal = message_strdup(state);
    payload.operation = message_strdup(base_seq ? NULL : "kept");
    cr_assert(MESSAGE_SET(payload.schema, schema));
    store_write_t *write = store_write_new();
    store_write_op(write, "event_only", "");
    store_write_event_on(write, base_seq, "t/1", IdempotencyEnd_message(), &payload, NULL);
    message_release(IdempotencyEnd_message(), &payload);
    StoreWritten written = commit(f, &write);
    cr_assert_str_eq(written.units[0].code, "OK");
    uint64_t seq = written.units[0].ops[0].seq;
    written_free(&written);
    return seq;
}

static IdempotencyEnd s_published(fixture_t *f, uint64_t seq) {
    size_t size;
    StoreRows rows = query(f, 1, "stream_events_after", "isi", (int64_t)seq - 1, "", (int64_t)1);
    cr_assert_eq(rows.rows_count, 1);
    store_row_t *row = store_row_new(rows.rows[0]);
    const void *bytes = store_row_blob(row, 5, &size);
    IdempotencyEnd payload = IdempotencyEnd_init_zero;
    cr_assert_eq(message_decode(IdempotencyEnd_message(), bytes, size, &payload), OK);
    store_row_destroy(&row);
    rows_free(&rows);
    return payload;
}

static void s_expect_published(fixture_t *f, uint64_t seq, const char *state, const char *schema,
                               const char *kept) {
    IdempotencyEnd payload = s_published(f, seq);
    cr_assert_str_eq(payload.principal, state);
    cr_assert_str_eq(payload.schema, schema);
    cr_assert_str_eq(payload.operation ? payload.operation : "", kept);
    message_release(IdempotencyEnd_message(), &payload);
}

STORE_TEST(an_event_on_an_earlier_one_changes_the_fields_that_it_gives) {
    uint64_t first = s_publish(f, 0, "routed", "schema");
    uint64_t second = s_publish(f, first, "superseded", "");
    uint64_t third = s_publish(f, second, "expired", "other"); /* on one that itself stands on another */
    s_expect_published(f, first, "routed", "schema", "kept");
    s_expect_published(f, second, "superseded", "schema", "kept");
    s_expect_published(f, third, "expired", "other", "kept");
    CommittedEvents events = CommittedEvents_init_zero;
    IdempotencyEnd payload = IdempotencyEnd_init_zero;
    next_event(f, STORE_TOPIC_COMMITTED, CommittedEvents_message(), &events);
    message_release(CommittedEvents_message(), &events);
    next_event(f, STORE_TOPIC_COMMITTED, CommittedEvents_message(), &events);
    const pb_bytes_array_t *bytes = events.events[0].payload;
    cr_assert_eq(message_decode(IdempotencyEnd_message(), bytes->bytes, bytes->size, &payload), OK);
    cr_assert_str_eq(payload.operation, "kept", "what is published at once is what is stored");
    message_release(IdempotencyEnd_message(), &payload);
    message_release(CommittedEvents_message(), &events);
}

STORE_TEST(an_event_on_one_that_is_not_kept_stands_alone) {
    uint64_t seq = s_publish(f, 4711, "superseded", "x");
    s_expect_published(f, seq, "superseded", "x", "");
}

/* In one group: events on the same earlier one, on different ones, marks behind what comes first, and a unit that
 * fails and makes all run again. */
STORE_TEST(events_on_earlier_ones_survive_a_second_run_of_their_group) {
    store_write_t *write = store_write_new();
    s_add_marked(write, "a", "t/1", 0, 1000);
    s_add_marked(write, "b", "t/1", 0, 2000);
    StoreWritten written = commit(f, &write);
    written_free(&written);
    const uint64_t bases[] = {2, 1, 2};
    write = store_write_new();
    for (int i = 0; i < 3; i++) {
        StoreOpResult mark = {.affected = i + 1, .seq = STORE_SEQ_OF(0)};
        store_write_unit(write);
        store_write_op(write, "event_only", "");
        store_write_event_on(write, bases[i], "t/2", StoreOpResult_message(), &mark, NULL);
        if (i == 1) {
            store_write_op(write, "system_state_delete", "s", "nothing of that name");
            store_write_expect(write, 1);
        }
    }
    written = commit(f, &write);
    s_expect_codes(&written, 3, (const char *[]){"OK", "CONFLICT", "OK"});
    written_free(&written);
    CommittedEvents events = CommittedEvents_init_zero;
    next_event(f, STORE_TOPIC_COMMITTED, CommittedEvents_message(), &events);
    message_release(CommittedEvents_message(), &events);
    next_event(f, STORE_TOPIC_COMMITTED, CommittedEvents_message(), &events);
    cr_assert_eq(events.events_count, 2);
    for (size_t i = 0; i < 2; i++) {
        StoreOpResult marks = s_read_marks(&events.events[i]);
        cr_assert_eq(marks.affected, i ? 3 : 1);
        cr_assert_eq(marks.seq, 3 + i);
        cr_assert_eq(marks.topic_seq, 2000);
    }
    message_release(CommittedEvents_message(), &events);
}

/* ---- conflicts ---- */

/* With its two signals, as one unit. */
static void s_add_conflict(store_write_t *write, const char *id, const char *rival, const char *status,
                           int64_t detected_at) {
    store_write_unit(write);
    store_write_op(write, "conflict_insert", "sssssissts", id, "direction_conflict", "high", "execution", "A",
                   detected_at, status, "newcomer", (int64_t)0, "{}");
    store_write_op(write, "conflict_signal_insert", "ss", id, "newcomer");
    store_write_op(write, "conflict_signal_insert", "ss", id, rival);
}

static void s_expect_ids(StoreRows rows, const char *ids) {
    char found[256] = "";
    for (size_t i = 0; i < rows.rows_count; i++) {
        store_row_t *row = store_row_new(rows.rows[i]);
        strcat(strcat(found, i ? " " : ""), store_row_text(row, 0));
        store_row_destroy(&row);
    }
    cr_assert_str_eq(found, ids);
    rows_free(&rows);
}

STORE_TEST(conflicts_are_found_by_status_signal_and_newcomer) {
    store_write_t *write = store_write_new();
    s_add_conflict(write, "c1", "a", "open", 1);
    s_add_conflict(write, "c2", "b", "resolved", 2);
    s_add_conflict(write, "c3", "a", "open", 3);
    s_add_conflict(write, "c3", "a", "open", 3); /* the same again is no second one */
    StoreWritten written = commit(f, &write);
    s_expect_codes(&written, 4, (const char *[]){"OK", "OK", "OK", "OK"});
    cr_assert_eq(written.units[3].ops[0].affected, 0);
    written_free(&written);
    int64_t most = 10, none = 0, one = 1;
    s_expect_ids(query(f, 10, "conflicts_page", "ssssii", NULL, NULL, NULL, NULL, most, none), "c3 c2 c1");
    s_expect_ids(query(f, 10, "conflicts_page", "ssssii", NULL, NULL, NULL, NULL, one, one), "c2");
    s_expect_ids(query(f, 10, "conflicts_page_open", "ssssii", NULL, "high", "execution", "A", most, none),
                 "c3 c1");
    s_expect_ids(query(f, 10, "conflicts_page_open", "ssssii", NULL, "low", NULL, NULL, most, none), "");
    s_expect_ids(query(f, 10, "conflicts_page_resolved", "ssssii", NULL, NULL, NULL, NULL, most, none), "c2");
    s_expect_ids(query(f, 10, "conflicts_of_signal", "si", "a", most), "c3 c1");
    s_expect_ids(query(f, 10, "conflicts_open_of_newcomer", "s", "newcomer"), "c1 c3");
    s_expect_ids(query(f, 10, "conflicts_by_ids", "s", "[\"c2\", \"c9\"]"), "c2");
    StoreRows rows = query(f, 1, "conflicts_count_open", "ssss", NULL, NULL, NULL, "A");
    cr_assert_eq(row_int(&rows, 0, 0), 2);
    rows_free(&rows);
}

STORE_TEST(an_open_conflict_is_resolved_once) {
    store_write_t *write = store_write_new();
    s_add_conflict(write, "c1", "a", "open", 1);
    StoreWritten written = commit(f, &write);
    written_free(&written);
    write = store_write_new();
    for (int i = 0; i < 2; i++) {
        store_write_unit(write);
        store_write_op(write, "conflict_resolve", "ssi", "c1", i ? "{\"again\":1}" : "{\"first\":1}",
                       (int64_t)9);
        store_write_expect(write, 1);
    }
    written = commit(f, &write);
    s_expect_codes(&written, 2, (const char *[]){"OK", "CONFLICT"});
    written_free(&written);
    StoreRows rows = query(f, 1, "conflict_by_id", "s", "c1");
    cr_assert_eq(row_int(&rows, 0, 8), 9);
    store_row_t *row = store_row_new(rows.rows[0]);
    cr_assert_str_eq(store_row_text(row, 6), "resolved");
    cr_assert_str_eq(store_row_text(row, 9), "{\"first\":1}");
    store_row_destroy(&row);
    rows_free(&rows);
}

STORE_TEST(a_signal_is_adjusted_and_superseded_while_it_is_active) {
    store_write_t *write = store_write_new();
    add_signal(write, "one", "A", "macro", 1000);
    store_write_op(write, "signal_adjust", "sfdi", "one", (double)NAN, 0.25, (int64_t)2000);
    store_write_expect(write, 1);
    store_write_unit(write);
    store_write_op(write, "signal_status_set", "ssssni", "one", "routed", "superseded", "two", (int64_t)3000);
    store_write_expect(write, 1);
    store_write_unit(write);
    store_write_op(write, "signal_adjust", "sdfi", "one", 0.9, (double)NAN, (int64_t)4000);
    store_write_expect(write, 1);
    StoreWritten written = commit(f, &write);
    s_expect_codes(&written, 3, (const char *[]){"OK", "OK", "CONFLICT"});
    written_free(&written);
    StoreRows rows = query(f, 1, "signal_by_id", "s", "one");
    store_row_t *row = store_row_new(rows.rows[0]);
    cr_assert_eq(store_row_double(row, 7), 0.5);
    cr_assert_eq(store_row_double(row, 26), 0.25);
    cr_assert_eq(store_row_int(row, 25), 3000);
    store_row_destroy(&row);
    rows_free(&rows);
    s_expect_ids(query(f, 10, "signals_superseded_by", "s", "two"), "one");
    rows = query(f, 1, "stream_event_by_seq", "i", (int64_t)1);
    cr_assert_eq(row_int(&rows, 0, 0), 1);
    rows_free(&rows);
}

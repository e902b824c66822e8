/* Writing and reading: the same on both engines. */
#include "store_fixture.h"

STORE_TEST(a_query_after_the_reply_sees_the_write) {
    store_write_t *write = store_write_new();
    add_state(write, NULL, "mode", "halted");
    StoreWritten written = commit(f, &write);
    cr_assert_eq(written.units_count, 1);
    cr_assert_str_eq(written.units[0].code, "OK");
    cr_assert_eq(written.units[0].ops[0].affected, 1);
    cr_assert_eq(written.units[0].ops[0].seq, 0);
    cr_assert(written.committed_at_us > 0);
    cr_assert(state_is(f, "mode", "halted"));
    written_free(&written);
}

STORE_TEST(events_take_seq_over_all_and_topic_seq_by_topic) {
    store_write_t *write = store_write_new();
    add_state(write, "mode/a/x", "a", "1");
    store_write_unit(write);
    add_state(write, "mode/b/x", "b", "1");
    add_state(write, "mode/a/x", "c", "1");
    StoreWritten written = commit(f, &write);
    cr_assert_eq(written.units[0].ops[0].seq, 1);
    cr_assert_eq(written.units[0].ops[0].topic_seq, 1);
    cr_assert_eq(written.units[1].ops[0].seq, 2);
    cr_assert_eq(written.units[1].ops[0].topic_seq, 1);
    cr_assert_eq(written.units[1].ops[1].seq, 3);
    cr_assert_eq(written.units[1].ops[1].topic_seq, 2);
    written_free(&written);

    CommittedEvents events = CommittedEvents_init_zero;
    next_event(f, STORE_TOPIC_COMMITTED, CommittedEvents_message(), &events);
    StoreState state = get_state(f);
    cr_assert_eq(events.events_count, 3);
    cr_assert_eq(events.epoch, state.epoch);
    cr_assert_neq(state.epoch, 0);
    cr_assert_eq(state.last_seq, 3);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(events.events[i].seq, i + 1);
    cr_assert_str_eq(events.events[1].topic, "mode/b/x");
    cr_assert_str_eq(events.events[1].schema, "integration.v1.IdempotencyState");
    message_release(CommittedEvents_message(), &events);
    message_release(StoreState_message(), &state);

    StoreRows rows = query(f, 100, "stream_events_after", "isi", (int64_t)1, "mode/a/", (int64_t)10);
    cr_assert_eq(rows.rows_count, 1);
    cr_assert_eq(row_int(&rows, 0, 0), 3);
    rows_free(&rows);
}

STORE_TEST(a_unit_that_misses_is_undone_whole_and_leaves_no_gap) {
    store_write_t *write = store_write_new();
    add_state(write, "t/1", "first", "1");
    store_write_unit(write);
    add_state(write, "t/1", "second", "1");
    store_write_op(write, "system_state_delete", "s", "nothing of that name");
    store_write_expect(write, 1);
    store_write_unit(write);
    add_state(write, "t/1", "third", "1");
    StoreWritten written = commit(f, &write);
    cr_assert_str_eq(written.units[0].code, "OK");
    cr_assert_str_eq(written.units[1].code, "CONFLICT");
    cr_assert_eq(written.units[1].ops_count, 0);
    cr_assert_str_eq(written.units[2].code, "OK");
    cr_assert_eq(written.units[2].ops[0].seq, 2);
    cr_assert_eq(written.units[2].ops[0].topic_seq, 2);
    written_free(&written);
    cr_assert(state_is(f, "first", "1"));
    cr_assert(state_is(f, "second", NULL));
    cr_assert(state_is(f, "third", "1"));
}

STORE_TEST(a_unit_that_the_database_refuses_sinks_no_other) {
    store_write_t *write = store_write_new();
    add_state(write, NULL, "before", "1");
    store_write_unit(write);
    add_state(write, NULL, "within", "1");
    store_write_op(write, "system_state_set", "sni", "a value must not be null", (int64_t)1);
    store_write_unit(write);
    add_state(write, NULL, "after", "1");
    StoreWritten written = commit(f, &write);
    cr_assert_str_eq(written.units[0].code, "OK");
    cr_assert_str_eq(written.units[1].code, "CONFLICT", "%s", written.units[1].message);
    cr_assert(strstr(written.units[1].message, "system_state_set"), "%s", written.units[1].message);
    cr_assert_str_eq(written.units[2].code, "OK");
    written_free(&written);
    cr_assert(state_is(f, "before", "1"));
    cr_assert(state_is(f, "within", NULL));
    cr_assert(state_is(f, "after", "1"));
}

STORE_TEST(a_statement_that_is_wrong_fails_its_unit_alone) {
    store_write_t *write = store_write_new();
    store_write_op(write, "system_state_set", "s", "too few");
    store_write_unit(write);
    add_state(write, NULL, "good", "1");
    StoreWritten written = commit(f, &write);
    cr_assert_str_eq(written.units[0].code, "INTERNAL");
    cr_assert_str_eq(written.units[1].code, "OK");
    written_free(&written);

    write = store_write_new();
    add_state(write, NULL, "good", "2");
    StoreWrite message = store_write_take(&write);
    strcpy(message.units[0].ops[0].statement, "no_such_statement");
    written = (StoreWritten)StoreWritten_init_zero;
    cr_assert_eq(harness_request(&f->harness, &rpc_StoreWriter_Write, &message, &written, NULL), OK);
    cr_assert_str_eq(written.units[0].code, "INTERNAL");
    written_free(&written);
    message_release(StoreWrite_message(), &message);
    cr_assert(state_is(f, "good", "1"));
}

STORE_TEST(a_repeated_signal_is_a_conflict_without_a_number) {
    store_write_t *write = store_write_new();
    add_signal(write, "one", "600519.SH", "macro", 1000);
    store_write_unit(write);
    add_signal(write, "one", "600519.SH", "macro", 1000);
    store_write_unit(write);
    add_signal(write, "two", "600519.SH", "macro", 1000);
    StoreWritten written = commit(f, &write);
    cr_assert_str_eq(written.units[0].code, "OK");
    cr_assert_str_eq(written.units[1].code, "CONFLICT");
    cr_assert_str_eq(written.units[2].code, "OK");
    cr_assert_eq(written.units[2].ops[0].seq, 2);
    written_free(&written);
    StoreRows rows = query(f, 10, "signal_by_id", "s", "two");
    cr_assert_eq(rows.rows_count, 1);
    cr_assert_eq(row_int(&rows, 0, 0), 2); /* its seq is its event's */
    cr_assert_eq(row_int(&rows, 0, 21), -5);
    rows_free(&rows);
}

STORE_TEST(many_signals_in_one_write_are_all_there) {
    enum { COUNT = 500 };
    store_write_t *write = store_write_new();
    for (int i = 0; i < COUNT; i++) {
        char id[16], symbol[16];
        snprintf(id, sizeof id, "s%d", i);
        snprintf(symbol, sizeof symbol, "SYM%d", i % 7);
        store_write_unit(write);
        add_signal(write, id, symbol, "macro", 1000 + i);
    }
    StoreWritten written = commit(f, &write);
    cr_assert_eq(written.units_count, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_str_eq(written.units[i].code, "OK");
        cr_assert_eq(written.units[i].ops[0].seq, i + 1);
        cr_assert_eq(written.units[i].ops[0].topic_seq, i / 7 + 1);
    }
    written_free(&written);
    StoreRows rows = query(f, COUNT, "stream_events_after", "isi", (int64_t)0, "signal/", (int64_t)COUNT);
    cr_assert_eq(rows.rows_count, COUNT);
    rows_free(&rows);
    rows = query(f, 10, "stream_events_after", "isi", (int64_t)0, "signal/", (int64_t)COUNT);
    cr_assert_eq(rows.rows_count, 10);
    cr_assert(rows.more);
    rows_free(&rows);
}

/* signals_history with most conditions absent. */
static StoreRows s_history(fixture_t *f, const char *statement, const char *symbol, const char *source,
                           const int64_t *from, const int64_t *before_seq, int64_t ascending, int64_t limit,
                           int64_t offset) {
    char format[] = "ssssssnnnniii";
    if (from && before_seq) {
        format[6] = format[9] = 'i';
        return query(f, 100, statement, format, symbol, source, NULL, NULL, NULL, NULL, *from, *before_seq,
                     ascending, limit, offset);
    }
    if (from || before_seq) {
        format[from ? 6 : 9] = 'i';
        return query(f, 100, statement, format, symbol, source, NULL, NULL, NULL, NULL,
                     from ? *from : *before_seq, ascending, limit, offset);
    }
    return query(f, 100, statement, format, symbol, source, NULL, NULL, NULL, NULL, ascending, limit, offset);
}

static void s_expect_seqs(StoreRows rows, size_t count, const int64_t *seqs) {
    cr_assert_eq(rows.rows_count, count, "%u rows, not %zu", rows.rows_count, count);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(row_int(&rows, i, 0), seqs[i]);
    rows_free(&rows);
}

STORE_TEST(history_pages_by_symbol_source_time_and_cursor) {
    int64_t hour = 3600000, from = 10 * hour, before = 6;
    store_write_t *write = store_write_new();
    for (int64_t i = 1; i <= 8; i++) { /* seq i: symbol A or B, received at hour 2i */
        char id[8];
        snprintf(id, sizeof id, "h%d", (int)i);
        store_write_unit(write);
        add_signal(write, id, i % 2 ? "A" : "B", i > 4 ? "late" : "early", 2 * i * hour);
    }
    StoreWritten written = commit(f, &write);
    written_free(&written);
    s_expect_seqs(s_history(f, "signals_history", NULL, NULL, NULL, NULL, 0, 3, 0), 3, (int64_t[]){8, 7, 6});
    s_expect_seqs(s_history(f, "signals_history", NULL, NULL, NULL, NULL, 1, 2, 1), 2, (int64_t[]){2, 3});
    s_expect_seqs(s_history(f, "signals_history", "A", NULL, NULL, NULL, 0, 20, 0), 4,
                  (int64_t[]){7, 5, 3, 1});
    s_expect_seqs(s_history(f, "signals_history", "A", "late", NULL, NULL, 0, 20, 0), 2, (int64_t[]){7, 5});
    s_expect_seqs(s_history(f, "signals_history", NULL, NULL, &from, NULL, 1, 20, 0), 4,
                  (int64_t[]){5, 6, 7, 8});
    s_expect_seqs(s_history(f, "signals_history", "B", NULL, NULL, &before, 0, 20, 0), 2, (int64_t[]){4, 2});
    s_expect_seqs(s_history(f, "signals_history", NULL, NULL, &from, &before, 0, 20, 0), 1, (int64_t[]){5});
    StoreRows rows = s_history(f, "signals_count", "A", "late", NULL, NULL, 0, 1, 0);
    cr_assert_eq(row_int(&rows, 0, 0), 2);
    rows_free(&rows);
}

STORE_TEST(writes_that_wait_together_are_committed_together) {
    enum { COUNT = 200 };
    bool seen[COUNT + 1] = {false};
    for (int i = 0; i < COUNT; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        store_write_t *write = store_write_new();
        add_state(write, "t/group", key, "1");
        StoreWrite message = store_write_take(&write);
        harness_send(&f->harness, &rpc_StoreWriter_Write, &message);
        message_release(StoreWrite_message(), &message);
    }
    for (int i = 0; i < COUNT; i++) {
        bus_message_t message;
        StoreWritten written = StoreWritten_init_zero;
        harness_recv(&f->harness, &message);
        cr_assert_eq(harness_reply(&message, StoreWritten_message(), &written), OK);
        uint64_t seq = written.units[0].ops[0].seq;
        cr_assert(seq >= 1 && seq <= COUNT && !seen[seq]);
        seen[seq] = true;
        written_free(&written);
        bus_message_close(&message);
    }
    cr_assert_lt(harness_metric(&f->harness, "store", "commits_total"), COUNT / 2);
    cr_assert_eq(harness_metric(&f->harness, "store", "last_seq"), COUNT);
}

STORE_TEST(a_restart_keeps_seq_topic_seq_and_epoch) {
    store_write_t *write = store_write_new();
    add_state(write, "t/1", "a", "1");
    StoreWritten written = commit(f, &write);
    written_free(&written);
    StoreState before = get_state(f);
    fixture_stop_actors(f);
    fixture_start_actors(f, NULL);
    StoreState after = get_state(f);
    cr_assert_eq(after.epoch, before.epoch);
    cr_assert_eq(after.last_seq, 1);
    write = store_write_new();
    add_state(write, "t/1", "a", "2");
    written = commit(f, &write);
    cr_assert_eq(written.units[0].ops[0].seq, 2);
    cr_assert_eq(written.units[0].ops[0].topic_seq, 2);
    written_free(&written);
    message_release(StoreState_message(), &before);
    message_release(StoreState_message(), &after);
}

static int64_t s_counter(fixture_t *f, const char *name) {
    StoreRows rows = query(f, 1, "counter_get", "s", name);
    int64_t value = row_int(&rows, 0, 0);
    rows_free(&rows);
    return value;
}

/* Events on one topic, as one write. */
static void s_write_events(fixture_t *f, const char *topic, int count) {
    store_write_t *write = store_write_new();
    for (int i = 0; i < count; i++) {
        store_write_unit(write);
        add_state(write, topic, "a", "1");
    }
    StoreWritten written = commit(f, &write);
    written_free(&written);
}

static uint64_t s_next_topic_seq(fixture_t *f, const char *topic) {
    store_write_t *write = store_write_new();
    add_state(write, topic, "a", "1");
    StoreWritten written = commit(f, &write);
    uint64_t topic_seq = written.units[0].ops[0].topic_seq;
    written_free(&written);
    return topic_seq;
}

/* An actor that stops saves nothing, so to the next one it is as if it had been killed. The timer may save at any
 * moment, so only what holds either way is demanded. */
STORE_TEST(topic_seq_goes_on_after_a_restart_before_and_after_the_numbers_are_saved) {
    enum { MANY = 3000, WRITES = SEQUENCE_UNSAVED_MOST / MANY + 1 };
    s_write_events(f, "t/early", 2);
    fixture_stop_actors(f);
    fixture_start_actors(f, NULL);
    cr_assert_eq(s_next_topic_seq(f, "t/early"), 3);
    for (int i = 0; i < WRITES; i++)
        s_write_events(f, "t/often", MANY);
    int64_t saved = s_counter(f, "topics_seq");
    cr_assert_gt(saved, MANY, "a group has saved them");
    s_write_events(f, "t/often", 5);
    s_write_events(f, "t/late", 4);
    fixture_stop_actors(f);
    fixture_start_actors(f, NULL);
    cr_assert_eq(s_next_topic_seq(f, "t/early"), 4);
    cr_assert_eq(s_next_topic_seq(f, "t/often"), MANY * WRITES + 6);
    cr_assert_eq(s_next_topic_seq(f, "t/late"), 5);
}

STORE_TEST(events_whose_topic_numbers_are_not_saved_are_not_pruned) {
    s_write_events(f, "t/1", 3);
    store_write_t *write = store_write_new();
    store_write_op(write, "stream_events_prune", "ii", INT64_MAX, (int64_t)100);
    int64_t saved_before = s_counter(f, "topics_seq");
    StoreWritten written = commit(f, &write);
    int64_t pruned = written.units[0].ops[0].affected, saved_after = s_counter(f, "topics_seq");
    cr_assert(pruned >= saved_before && pruned <= saved_after);
    written_free(&written);
    fixture_stop_actors(f);
    fixture_start_actors(f, NULL);
    cr_assert_eq(s_next_topic_seq(f, "t/1"), 4);
}

STORE_TEST(a_seq_is_written_where_it_is_asked_for) {
    StoreOpResult mark = StoreOpResult_init_zero; /* any message with a fixed64 */
    store_write_t *write = store_write_new();
    store_write_op(write, "system_state_set", "ssi", "a", "1", (int64_t)0);
    mark.seq = STORE_SEQ_OF(0);
    store_write_event(write, "t/1", StoreOpResult_message(), &mark, NULL);
    store_write_op(write, "system_state_set", "ssi", "b", "1", (int64_t)0);
    store_write_seq(write, 0, 2);
    mark.topic_seq = STORE_SEQ_OF(2);
    store_write_op(write, "system_state_set", "ssi", "c", "1", (int64_t)0);
    store_write_event(write, "t/2", StoreOpResult_message(), &mark, NULL);
    store_write_seq(write, 2, 2);
    StoreWritten written = commit(f, &write);
    cr_assert_str_eq(written.units[0].code, "OK", "%s", written.units[0].message);
    written_free(&written);

    StoreRows rows = query(f, 1, "system_state_get", "s", "b");
    cr_assert_eq(row_int(&rows, 0, 1), 1);
    rows_free(&rows);
    rows = query(f, 1, "system_state_get", "s", "c");
    cr_assert_eq(row_int(&rows, 0, 1), 2);
    rows_free(&rows);
    CommittedEvents events = CommittedEvents_init_zero;
    next_event(f, STORE_TOPIC_COMMITTED, CommittedEvents_message(), &events);
    StoreOpResult read = StoreOpResult_init_zero;
    const CommittedEvent *second = &events.events[1];
    cr_assert_eq(
        message_decode(StoreOpResult_message(), second->payload->bytes, second->payload->size, &read), OK);
    cr_assert_eq(read.seq, 1);
    cr_assert_eq(read.topic_seq, 2);
    message_release(CommittedEvents_message(), &events);
}

/* ---- schema ---- */

static const migration_t s_extra = {9000, "", "extra", "CREATE TABLE extra (id BIGINT PRIMARY KEY);"};

static migration_t *s_migrations(size_t extra) {
    migration_t *list = calloc(migrations_count + extra, sizeof *list);
    memcpy(list, migrations_all, migrations_count * sizeof *list);
    if (extra) {
        list[migrations_count] = s_extra;
        list[migrations_count].version = list[migrations_count - 1].version + 1;
    }
    return list;
}

STORE_TEST(a_database_newer_than_the_program_fails_the_start) {
    migration_t *list = s_migrations(1);
    store_schema_t newer = {list, migrations_count + 1};
    fixture_stop_actors(f);
    fixture_start_actors(f, &newer); /* a newer program was here */
    fixture_stop_actors(f);
    actor_handle_t *handle = NULL;
    cr_assert_eq(actor_start(&handle, &store_writer_class, NULL, &f->config, NULL), ERR_SCHEMA_NEWER);
    free(list);
}

STORE_TEST(a_migration_with_another_text_fails_the_start) {
    migration_t *list = s_migrations(0);
    store_schema_t changed = {list, migrations_count};
    list[0].sql = "CREATE TABLE something_else (id BIGINT PRIMARY KEY);";
    fixture_stop_actors(f);
    actor_handle_t *handle = NULL;
    cr_assert_eq(actor_start(&handle, &store_writer_class, NULL, &f->config, &changed), ERR_SCHEMA_NEWER);
    free(list);
}

Test(store_sqlite, a_database_that_another_owns_fails_the_start, .timeout = 60) {
    fixture_t f;
    actor_handle_t *handle = NULL;
    fixture_begin(&f, false);
    fixture_start_actors(&f, NULL);
    cr_assert_eq(actor_start(&handle, &store_writer_class, "second", &f.config, NULL), ERR_BAD_CONFIG);
    fixture_end(&f);
}

/* ---- idempotency ---- */

static IdempotencyState s_begin(fixture_t *f, const char *key, uint64_t hash) {
    IdempotencyBegin begin = {
        .principal = "tester", .operation = "POST /x", .key = (char *)key, .body_hash = hash};
    IdempotencyState state = IdempotencyState_init_zero;
    cr_assert_eq(harness_request(&f->harness, &rpc_StoreWriter_BeginIdempotent, &begin, &state, NULL), OK);
    return state;
}

static void s_expect_begin(fixture_t *f, const char *key, uint64_t hash, const char *wanted) {
    IdempotencyState state = s_begin(f, key, hash);
    cr_assert_str_eq(state.state, wanted);
    message_release(IdempotencyState_message(), &state);
}

static void s_end(fixture_t *f, const char *key, bool release) {
    Empty empty = Empty_init_zero;
    IdempotencyEnd end = {
        .principal = "tester", .operation = "POST /x", .key = (char *)key, .release = release};
    strcpy(end.schema, "integration.v1.Empty");
    end.payload = message_bytes("answer", 6);
    end.outcome = Outcome_OUTCOME_ACCEPTED;
    cr_assert_eq(harness_request(&f->harness, &rpc_StoreWriter_EndIdempotent, &end, &empty, NULL), OK);
    free(end.payload);
}

STORE_TEST(a_key_runs_once_and_is_answered_again) {
    s_expect_begin(f, "k", 11, "started");
    s_expect_begin(f, "k", 11, "running");
    s_expect_begin(f, "k", 12, "mismatch");
    s_end(f, "k", false);
    IdempotencyState state = s_begin(f, "k", 11);
    cr_assert_str_eq(state.state, "replay");
    cr_assert_str_eq(state.schema, "integration.v1.Empty");
    cr_assert_eq(state.payload->size, 6);
    cr_assert_eq(memcmp(state.payload->bytes, "answer", 6), 0);
    cr_assert_eq(state.outcome, Outcome_OUTCOME_ACCEPTED);
    message_release(IdempotencyState_message(), &state);
    s_expect_begin(f, "k", 12, "mismatch");
    fixture_stop_actors(f);
    fixture_start_actors(f, NULL);
    s_expect_begin(f, "k", 11, "replay");
}

STORE_TEST(a_key_released_or_left_by_a_crash_can_be_used_again) {
    s_expect_begin(f, "k", 11, "started");
    s_end(f, "k", true);
    s_expect_begin(f, "k", 12, "started");
    fixture_stop_actors(f);
    fixture_start_actors(f, NULL);
    s_expect_begin(f, "k", 13, "started");
}

STORE_TEST(an_answer_recorded_with_its_effect_ends_the_key) {
    Envelope envelope = Envelope_init_zero;
    strcpy(envelope.principal.name, "tester");
    strcpy(envelope.operation, "POST /x");
    strcpy(envelope.idempotency_key, "k");
    envelope.body_hash = 11;
    s_expect_begin(f, "k", 11, "started");
    store_write_t *write = store_write_new();
    add_state(write, "t/1", "effect", "1");
    store_write_answer_op(write, "idempotency_answer", &envelope, "integration.v1.Empty", "done", 4,
                          Outcome_OUTCOME_CREATED);
    StoreWritten written = commit(f, &write);
    cr_assert_str_eq(written.units[0].code, "OK");
    written_free(&written);
    s_expect_begin(f, "k", 11, "replay");

    write = store_write_new(); /* the same again, by whoever missed that: no second effect */
    add_state(write, "t/1", "effect", "2");
    store_write_answer_op(write, "idempotency_answer", &envelope, "integration.v1.Empty", "done", 4,
                          Outcome_OUTCOME_CREATED);
    written = commit(f, &write);
    cr_assert_str_eq(written.units[0].code, "CONFLICT");
    written_free(&written);
    cr_assert(state_is(f, "effect", "1"));
}

/* For a request whose effect is there long before its answer is. */
STORE_TEST(an_early_answer_leaves_its_key_running_and_is_replaced_by_the_final_one) {
    Envelope envelope = Envelope_init_zero;
    strcpy(envelope.principal.name, "tester");
    strcpy(envelope.operation, "POST /x");
    envelope.body_hash = 11;
    for (int crash = 0; crash < 2; crash++) {
        const char *key = crash ? "crash" : "k";
        strcpy(envelope.idempotency_key, key);
        s_expect_begin(f, key, 11, "started");
        store_write_t *write = store_write_new();
        add_state(write, NULL, "effect", key);
        store_write_answer_op(write, "idempotency_early", &envelope, "integration.v1.Empty", "early", 5,
                              Outcome_OUTCOME_CREATED);
        StoreWritten written = commit(f, &write);
        cr_assert_str_eq(written.units[0].code, "OK");
        written_free(&written);
        s_expect_begin(f, key, 11, "running");
        if (crash) {
            fixture_stop_actors(f);
            fixture_start_actors(f, NULL);
        } else {
            s_end(f, key, false);
        }
        s_expect_begin(f, key, 11, "replay");
        StoreRows rows = query(f, 1, "idempotency_get", "sssi", "tester", "POST /x", key, (int64_t)0);
        cr_expect_eq(row_int(&rows, 0, 3), crash ? Outcome_OUTCOME_CREATED : Outcome_OUTCOME_ACCEPTED);
        rows_free(&rows);
    }
}

/* Old events leave the stream's table: only those past the retention, and only once the numbers of their topics are
 * saved. */
#include "store/link.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char dir[32];
    config_t config;
    link_t link;
} retention_t;

static void s_open(retention_t *self) {
    strcpy(self->dir, "/tmp/integration-ret-XXXXXX");
    cr_assert(mkdtemp(self->dir));
    self->config = (config_t){.data_dir = self->dir};
    cr_assert_eq(link_init(&self->link, &self->config, NULL, false), OK);
    cr_assert_eq(link_open(&self->link), OK, "%s", buf_str(&self->link.reason));
    cr_assert_eq(engine_begin(self->link.engine), OK);
}

static void s_close(retention_t *self) {
    char command[64];
    engine_rollback(self->link.engine);
    link_free(&self->link);
    snprintf(command, sizeof command, "rm -rf %s", self->dir);
    cr_assert_eq(system(command), 0);
}

static int64_t s_run(retention_t *self, const char *statement, const value_t *values, size_t count) {
    int64_t affected = -1;
    cr_assert_eq(engine_run_one(self->link.engine, statement, values, count, &affected), OK, "%s",
                 buf_str(&self->link.engine->error));
    return affected;
}

/* Event `seq`, published at `seq` microseconds. */
static void s_add_event(retention_t *self, int64_t seq) {
    const value_t row[] = {VALUE_OF_INT(seq),       VALUE_OF_INT(seq),  VALUE_OF_INT(seq), value_text("t"),
                           value_text("v1.Signal"), value_blob("x", 1), VALUE_NONE};
    cr_assert_eq(s_run(self, "stream_event_insert", row, 7), 1);
}

static int64_t s_prune(retention_t *self, int64_t before_us, int64_t most) {
    const value_t values[] = {VALUE_OF_INT(before_us), VALUE_OF_INT(most)};
    return s_run(self, "stream_events_prune", values, 2);
}

static void s_topics_saved_up_to(retention_t *self, int64_t seq) {
    const value_t values[] = {value_text("topics_seq"), VALUE_OF_INT(0), VALUE_OF_INT(seq)};
    cr_assert_eq(s_run(self, "counter_move", values, 3), 1);
}

Test(retention, takes_only_what_is_older_and_in_steps, .timeout = 60) {
    retention_t self;
    s_open(&self);
    for (int64_t seq = 1; seq <= 10; seq++)
        s_add_event(&self, seq);
    s_topics_saved_up_to(&self, 10);
    cr_expect_eq(s_prune(&self, 1, 100), 0, "nothing is older");
    int64_t first = s_prune(&self, 8, 3), second = s_prune(&self, 8, 100);
    cr_expect(first > 0 && first <= 4, "%lld in the first step", (long long)first);
    cr_expect_eq(first + second, 7, "1 to 7 are older than 8");
    cr_expect_eq(s_prune(&self, 8, 100), 0);
    s_close(&self);
}

Test(retention, keeps_events_whose_topics_are_not_saved, .timeout = 60) {
    retention_t self;
    s_open(&self);
    for (int64_t seq = 1; seq <= 5; seq++)
        s_add_event(&self, seq);
    s_topics_saved_up_to(&self, 2);
    cr_expect_eq(s_prune(&self, 100, 100), 2);
    s_close(&self);
}

/* The rebuild of the scope index: which rows of the store come into it, in pages, and as what. */
#include "signals/index/active_load.h"
#include "store/link.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(active_load, .timeout = 30);

#define NOW INT64_C(1767576600000)

enum { COLUMNS = 27, PAGE = 3 };

typedef struct {
    char dir[64];
    link_t link;
    int64_t seq;
    scope_index_t *index;
    int64_t after_expiry, after_seq; /* of the last row of a page */
    size_t rows;
} world_t;

typedef struct {
    const char *id, *symbol, *status, *data;
    int64_t expiry;
    double allocation; /* 0: null */
} row_t;

static void s_setup(world_t *self) {
    *self = (world_t){.dir = "/tmp/integration-load-XXXXXX", .index = scope_index_new()};
    cr_assert(mkdtemp(self->dir));
    config_t config = {.data_dir = self->dir};
    cr_assert_eq(link_init(&self->link, &config, NULL, false), OK);
    cr_assert_eq(link_open(&self->link), OK, "%s", buf_str(&self->link.reason));
}

static void s_teardown(world_t *self) {
    char command[100];
    link_free(&self->link);
    scope_index_destroy(&self->index);
    snprintf(command, sizeof command, "rm -rf %s", self->dir);
    cr_assert_eq(system(command), 0);
}

static void s_insert(world_t *self, row_t row) {
    const value_t real = {.kind = VALUE_DOUBLE, .real = 0.5};
    value_t allocation =
        row.allocation ? (value_t){.kind = VALUE_DOUBLE, .real = row.allocation} : VALUE_NONE;
    self->seq++;
    value_t values[COLUMNS] = {VALUE_OF_INT(self->seq),
                               value_text(row.id),
                               value_text("analysis"),
                               value_text("macro"),
                               value_text("execution"),
                               value_text(row.symbol),
                               value_text("sell"),
                               real,
                               real,
                               VALUE_OF_INT(4),
                               VALUE_NONE,
                               VALUE_NONE,
                               VALUE_NONE,
                               VALUE_OF_INT(77),
                               VALUE_OF_INT(NOW - 5),
                               VALUE_OF_INT(row.expiry),
                               value_text(row.data),
                               value_text("{}"),
                               value_text(row.status),
                               VALUE_NONE,
                               value_text("routing"),
                               VALUE_OF_INT(1),
                               VALUE_NONE,
                               VALUE_NONE,
                               VALUE_OF_INT(NOW - 5),
                               VALUE_OF_INT(NOW - 5),
                               allocation};
    engine_op_t op = {.statement = statement_find("signal_insert"), .values = values, .value_count = COLUMNS};
    size_t failed;
    cr_assert_eq(engine_begin(self->link.engine), OK);
    cr_assert_eq(engine_run(self->link.engine, &op, 1, &failed), OK, "%s",
                 buf_str(&self->link.engine->error));
    cr_assert_eq(engine_commit(self->link.engine), OK);
}

static bool s_on_row(void *context, const value_t *values, size_t count) {
    world_t *self = context;
    buf_t encoded = BUF_INIT;
    for (size_t i = 0; i < count; i++)
        value_encode(&encoded, &values[i]);
    cr_assert_eq(active_load_row(self->index, buf_str(&encoded), encoded.size), OK);
    buf_free(&encoded);
    self->after_seq = values[0].integer;
    self->after_expiry = values[1].integer;
    self->rows++;
    return true;
}

static void s_load(world_t *self) {
    self->after_expiry = NOW;
    self->after_seq = INT64_MAX;
    size_t before;
    do {
        value_t params[] = {VALUE_OF_INT(self->after_expiry), VALUE_OF_INT(self->after_seq),
                            VALUE_OF_INT(PAGE)};
        before = self->rows;
        cr_assert_eq(
            engine_query(self->link.engine, statement_find("signals_active_slim"), params, 3, s_on_row, self),
            OK, "%s", buf_str(&self->link.engine->error));
        cr_assert_leq(self->rows - before, PAGE);
    } while (self->rows > before);
}

static const candidate_t *s_find(world_t *self, const char *symbol, const char *id) {
    active_t *active = scope_index_find(self->index, &(scope_key_t){"execution", symbol}, id);
    return active ? active_candidate(active) : NULL;
}

Test(active_load, takes_what_is_routed_and_has_not_expired_across_pages_and_equal_expiries) {
    world_t world;
    char id[16];
    s_setup(&world);
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "s%d", i);
        s_insert(
            &world,
            (row_t){.id = id, .symbol = "A", .status = "routed", .data = "{}", .expiry = NOW + 1 + i / 8});
    }
    s_insert(&world, (row_t){.id = "late", .symbol = "A", .status = "routed", .data = "{}", .expiry = NOW});
    s_insert(&world,
             (row_t){.id = "lost", .symbol = "A", .status = "superseded", .data = "{}", .expiry = NOW + 9});
    s_load(&world);
    cr_assert_eq(world.rows, 20);
    cr_assert_eq(scope_index_count(world.index), 20);
    cr_assert_not_null(s_find(&world, "A", "s19"));
    cr_assert_null(s_find(&world, "A", "late"));
    s_teardown(&world);
}

Test(active_load, keeps_what_conflicts_depend_on) {
    world_t world;
    s_setup(&world);
    s_insert(&world, (row_t){"one", "A", "routed", "{\"resource_requirements\":0.7}", NOW + 9, 0});
    s_insert(&world, (row_t){"many", NULL, "routed", "{\"symbols\":[\"B\",\"C\"]}", NOW + 9, 0});
    s_insert(&world, (row_t){"part", "A", "routed", "{\"resource_requirements\":0.7}", NOW + 9, 0.25});
    s_insert(&world, (row_t){"none", NULL, "routed", "{\"reason\":\"none\"}", NOW + 9, 0});
    s_load(&world);
    const candidate_t *one = s_find(&world, "A", "one");
    cr_assert_not_null(one);
    cr_assert_str_eq(one->source, "macro");
    cr_assert_eq(one->seq, 1);
    cr_assert_eq(one->side, SIDE_SELL);
    cr_assert_eq(one->priority, 4);
    cr_assert_eq(one->timestamp, NOW - 5);
    cr_assert_eq(one->expiry_time, NOW + 9);
    cr_assert(one->has_source_seq && one->source_seq == 77);
    cr_assert_float_eq(one->strength, 0.5, 1e-12);
    cr_assert_float_eq(one->resources, 0.7, 1e-12);
    cr_assert_float_eq(s_find(&world, "A", "part")->resources, 0.25, 1e-12);
    cr_assert_not_null(s_find(&world, "B", "many"));
    cr_assert_not_null(s_find(&world, "C", "many"));
    cr_assert_not_null(s_find(&world, NULL, "none"));
    s_teardown(&world);
}

Test(active_load, refuses_a_row_of_another_shape) {
    scope_index_t *index = scope_index_new();
    buf_t encoded = BUF_INIT;
    value_t value = VALUE_OF_INT(1);
    value_encode(&encoded, &value);
    cr_assert_eq(active_load_row(index, buf_str(&encoded), encoded.size), ERR_INTERNAL);
    cr_assert_eq(active_load_row(index, "?", 1), ERR_INTERNAL);
    cr_assert_eq(scope_index_count(index), 0);
    buf_free(&encoded);
    scope_index_destroy(&index);
}

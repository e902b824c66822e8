/* One statement for each set of conditions, order, and kind (page or count), made at first use. */
#include "store/history.h"

#include "base/buf.h"
#include "store/statements/columns.h"
#include <stdlib.h>
#include <string.h>

enum {
    SHAPE_ASCENDING = 1 << HISTORY_CONDITIONS,
    SHAPE_COUNT = SHAPE_ASCENDING << 1,
    SHAPES = SHAPE_COUNT << 1
};

struct history_s {
    statement_t *shapes[SHAPES];
};

/* Of a condition: what it asks of the row, and how it bounds the seq, or the block of seqs, by which rows are found
 * without reading all that is newer or older. Each ? is the condition's one parameter. */
typedef struct {
    const char *row, *seq, *block;
} condition_t;

#define NUMBER     "CAST (? AS BIGINT)"
#define LAST_BLOCK "2251799813685247" /* its first seq is still a BIGINT */
#define FROM_BLOCK \
    "COALESCE((SELECT MAX(block) FROM seq_blocks WHERE began_at < " NUMBER " - " CLOCK_SLACK "), 0)"
#define TO_BLOCK                                                                             \
    "COALESCE((SELECT MIN(block) FROM seq_blocks WHERE began_at > " NUMBER " + " CLOCK_SLACK \
    "), " LAST_BLOCK ")"

static const condition_t s_conditions[HISTORY_CONDITIONS] = {
    [HISTORY_SYMBOL] = {.row = "symbol = ?"},
    [HISTORY_SOURCE] = {.row = "source = ?"},
    [HISTORY_TARGET] = {.row = "target = ?"},
    [HISTORY_SIGNAL_TYPE] = {.row = "signal_type = ?"},
    [HISTORY_SIDE] = {.row = "side = ?"},
    [HISTORY_STATUS] = {.row = "status = ?"},
    [HISTORY_FROM] = {"received_at >= ?", "seq >= " FROM_BLOCK " * 4096", "block >= " FROM_BLOCK},
    [HISTORY_TO] = {"received_at < ?", "seq < " TO_BLOCK " * 4096", "block < " TO_BLOCK},
    [HISTORY_AFTER_SEQ] = {.row = "seq > ?", .block = "block >= " NUMBER " / 4096"},
    [HISTORY_BEFORE_SEQ] = {.row = "seq < ?", .block = "block <= " NUMBER " / 4096"},
};

history_t *history_new(void) {
    history_t *self = calloc(1, sizeof *self);
    assert_always(self);
    return self;
}

void history_destroy(history_t **self_p) {
    history_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < SHAPES; i++) {
        if (!self->shapes[i])
            continue;
        free((char *)self->shapes[i]->sqlite);
        free((char *)self->shapes[i]->postgres);
        free(self->shapes[i]);
    }
    free(self);
    *self_p = NULL;
}

bool history_is(const char *name) {
    return strcmp(name, "signals_history") == 0 || strcmp(name, "signals_count") == 0;
}

/* ---- SQL ---- */

typedef enum { PART_ROW, PART_SEQ, PART_BLOCK } part_t;

static void s_append_condition(buf_t *sql, const char *condition, size_t param) {
    for (; *condition; condition++)
        if (*condition == '?')
            buf_printf(sql, "$%zu", param);
        else
            buf_append_char(sql, *condition);
}

/* Of several bounds on one side SQLite seeks by one, which need not be the closest: the one by time is left out when
 * there is one by seq. Whoever gives both sees to it that the latter is the closer one. */
static bool s_is_bounded(unsigned shape, int condition) {
    int other = condition == HISTORY_FROM ? HISTORY_AFTER_SEQ : HISTORY_BEFORE_SEQ;
    return shape & 1u << other;
}

/* That part of the conditions of the shape; `joint` comes before the first. */
static void s_append_part(buf_t *sql, unsigned shape, part_t part, const char **joint) {
    size_t param = 0;
    for (int i = 0; i < HISTORY_CONDITIONS; i++) {
        if (!(shape & 1u << i))
            continue;
        const condition_t *condition = &s_conditions[i];
        const char *text = part == PART_ROW   ? condition->row
                           : part == PART_SEQ ? condition->seq
                                              : condition->block;
        param++;
        if (!text || (part == PART_SEQ && s_is_bounded(shape, i)))
            continue;
        buf_append_str(sql, *joint);
        s_append_condition(sql, text, param);
        *joint = " AND ";
    }
}

static const char *s_order(unsigned shape) {
    return shape & SHAPE_ASCENDING ? "ASC" : "DESC";
}

/* Found by the key. */
static void s_append_plain(buf_t *sql, unsigned shape) {
    const char *joint = " WHERE ";
    buf_append_str(sql, shape & SHAPE_COUNT ? "SELECT COUNT(*) FROM signals"
                                            : "SELECT " SIGNAL_COLUMNS " FROM signals");
    s_append_part(sql, shape, PART_ROW, &joint);
    s_append_part(sql, shape, PART_SEQ, &joint);
    if (!(shape & SHAPE_COUNT))
        buf_printf(sql, " ORDER BY seq %s", s_order(shape));
}

/* Found by the index signals_symbol, block by block. The + takes the column's affinity away, with which the index of an
 * expression is not used. */
static void s_append_sqlite(buf_t *sql, unsigned shape) {
    const char *joint = " AND ";
    buf_append_str(sql, shape & SHAPE_COUNT ? "SELECT COUNT(*)" : "SELECT " SIGNAL_COLUMNS);
    buf_append_str(sql, " FROM seq_blocks CROSS JOIN signals WHERE seq / 4096 = +block");
    s_append_part(sql, shape, PART_ROW, &joint);
    s_append_part(sql, shape, PART_BLOCK, &joint);
    if (!(shape & SHAPE_COUNT))
        buf_printf(sql, " ORDER BY block %s, seq %s", s_order(shape), s_order(shape));
}

/* The same, in words that leave the planner no other way. */
static void s_append_postgres(buf_t *sql, unsigned shape) {
    const char *joint = " WHERE ";
    bool counts = shape & SHAPE_COUNT;
    buf_append_str(sql, counts ? "SELECT CAST (COALESCE(SUM(n), 0) AS BIGINT)" : "SELECT " SIGNAL_COLUMNS);
    buf_append_str(sql, " FROM (SELECT block FROM seq_blocks");
    s_append_part(sql, shape, PART_BLOCK, &joint);
    buf_printf(sql, " ORDER BY block %s) AS blocks CROSS JOIN LATERAL (SELECT %s", s_order(shape),
               counts ? "COUNT(*) AS n" : SIGNAL_COLUMNS);
    buf_append_str(sql, " FROM signals WHERE seq / 4096 = block");
    joint = " AND ";
    s_append_part(sql, shape, PART_ROW, &joint);
    if (!counts)
        buf_printf(sql, " ORDER BY seq %s", s_order(shape));
    buf_append_str(sql, ") AS found");
}

static char *s_sql(unsigned shape, bool postgres) {
    buf_t sql = BUF_INIT;
    size_t params = 0;
    for (unsigned i = 0; i < HISTORY_CONDITIONS; i++)
        params += shape >> i & 1;
    if (!(shape & 1u << HISTORY_SYMBOL))
        s_append_plain(&sql, shape);
    else if (postgres)
        s_append_postgres(&sql, shape);
    else
        s_append_sqlite(&sql, shape);
    if (!(shape & SHAPE_COUNT))
        buf_printf(&sql, " LIMIT $%zu OFFSET $%zu", params + 1, params + 2);
    return buf_steal(&sql);
}

static const statement_t *s_shape(history_t *self, unsigned shape) {
    if (!self->shapes[shape]) {
        statement_t *made = calloc(1, sizeof *made);
        assert_always(made && statement_count() + SHAPES <= STATEMENT_INDEX_MAX);
        made->name = shape & SHAPE_COUNT ? "signals_count" : "signals_history";
        made->sqlite = s_sql(shape, false);
        made->postgres = s_sql(shape, true);
        made->index = (uint32_t)statement_count() + shape;
        self->shapes[shape] = made;
    }
    return self->shapes[shape];
}

/* Kinds: the first six conditions are text, the rest integers; limit and offset must be there. */
static bool s_params_fit(const value_t *params, size_t count) {
    if (count != HISTORY_PARAMS)
        return false;
    for (int i = 0; i < HISTORY_PARAMS; i++) {
        value_kind_t wanted = i < HISTORY_FROM ? VALUE_TEXT : VALUE_INT;
        if (params[i].kind != wanted && (params[i].kind != VALUE_NULL || i >= HISTORY_LIMIT))
            return false;
    }
    return true;
}

const statement_t *history_statement(history_t *self, const char *name, const value_t *params, size_t count,
                                     value_t *out, size_t *out_count) {
    if (!s_params_fit(params, count))
        return NULL;
    unsigned shape = 0;
    *out_count = 0;
    for (int i = 0; i < HISTORY_CONDITIONS; i++)
        if (params[i].kind != VALUE_NULL) {
            shape |= 1u << i;
            out[(*out_count)++] = params[i];
        }
    if (strcmp(name, "signals_count") == 0)
        return s_shape(self, shape | SHAPE_COUNT);
    if (params[HISTORY_ASCENDING].kind == VALUE_INT && params[HISTORY_ASCENDING].integer)
        shape |= SHAPE_ASCENDING;
    out[(*out_count)++] = params[HISTORY_LIMIT];
    out[(*out_count)++] = params[HISTORY_OFFSET];
    return s_shape(self, shape);
}

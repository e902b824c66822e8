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

/* received_at follows seq but for steps of the clock; so a time bounds seq within this slack, by which the page is
 * found without reading all that is newer or older, and the exact condition does the rest. */
#define CLOCK_SLACK "3600000"

/* Each ? is the condition's one parameter. */
static const char *const s_conditions[HISTORY_CONDITIONS] = {
    [HISTORY_SYMBOL] = "symbol = ?",
    [HISTORY_SOURCE] = "source = ?",
    [HISTORY_TARGET] = "target = ?",
    [HISTORY_SIGNAL_TYPE] = "signal_type = ?",
    [HISTORY_SIDE] = "side = ?",
    [HISTORY_STATUS] = "status = ?",
    [HISTORY_FROM] = "received_at >= ? AND seq >= COALESCE((SELECT seq FROM signals WHERE received_at >= "
                     "? - " CLOCK_SLACK " ORDER BY received_at LIMIT 1), 9223372036854775807)",
    [HISTORY_TO] = "received_at < ? AND seq <= COALESCE((SELECT seq FROM signals WHERE received_at < "
                   "? + " CLOCK_SLACK " ORDER BY received_at DESC LIMIT 1), 0)",
    [HISTORY_AFTER_SEQ] = "seq > ?",
    [HISTORY_BEFORE_SEQ] = "seq < ?",
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
        if (self->shapes[i])
            free((char *)self->shapes[i]->sqlite);
        free(self->shapes[i]);
    }
    free(self);
    *self_p = NULL;
}

bool history_is(const char *name) {
    return strcmp(name, "signals_history") == 0 || strcmp(name, "signals_count") == 0;
}

static void s_append_condition(buf_t *sql, const char *condition, size_t param) {
    for (; *condition; condition++)
        if (*condition == '?')
            buf_printf(sql, "$%zu", param);
        else
            buf_append_char(sql, *condition);
}

static char *s_sql(unsigned shape) {
    buf_t sql = BUF_INIT;
    size_t param = 0;
    const char *joint = " WHERE ";
    buf_append_str(&sql, shape & SHAPE_COUNT ? "SELECT COUNT(*) FROM signals"
                                             : "SELECT " SIGNAL_COLUMNS " FROM signals");
    for (int i = 0; i < HISTORY_CONDITIONS; i++) {
        if (!(shape & 1u << i))
            continue;
        buf_append_str(&sql, joint);
        s_append_condition(&sql, s_conditions[i], ++param);
        joint = " AND ";
    }
    if (!(shape & SHAPE_COUNT))
        buf_printf(&sql, " ORDER BY seq %s LIMIT $%zu OFFSET $%zu", shape & SHAPE_ASCENDING ? "ASC" : "DESC",
                   param + 1, param + 2);
    return buf_steal(&sql);
}

static const statement_t *s_shape(history_t *self, unsigned shape) {
    if (!self->shapes[shape]) {
        statement_t *made = calloc(1, sizeof *made);
        assert_always(made && statement_count() + SHAPES <= STATEMENT_INDEX_MAX);
        made->name = shape & SHAPE_COUNT ? "signals_count" : "signals_history";
        made->sqlite = made->postgres = s_sql(shape);
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

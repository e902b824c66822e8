/* The columns' numbers fit the statements. */
#include "coordinator/cycle_columns.h"
#include "store/statements/columns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* The name at a place of a list that is joined by commas. */
static const char *s_column(const char *list, int place) {
    static char name[64];
    for (; place > 0; place--)
        list = strchr(list, ',') + 1;
    list += strspn(list, " ");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(list, ","), list);
    return name;
}

static int s_count(const char *list) {
    int count = 1;
    for (; (list = strchr(list, ',')); list++)
        count++;
    return count;
}

Test(columns, of_cycles_are_where_the_statements_have_them, .timeout = 20) {
    cr_expect_str_eq(s_column(CYCLE_COLUMNS, CYCLE_COLUMN_CYCLE_ID), "cycle_id");
    cr_expect_str_eq(s_column(CYCLE_COLUMNS, CYCLE_COLUMN_STATUS), "status");
    cr_expect_str_eq(s_column(CYCLE_COLUMNS, CYCLE_COLUMN_CREATED_AT), "created_at");
    cr_expect_str_eq(s_column(CYCLE_COLUMNS, CYCLE_COLUMN_SUCCESS), "success");
    cr_expect_str_eq(s_column(CYCLE_COLUMNS, CYCLE_COLUMN_ERROR_CODE), "error_code");
    cr_expect_str_eq(s_column(CYCLE_COLUMNS, CYCLE_COLUMN_FORCE), "force");
    cr_expect_str_eq(s_column(CYCLE_COLUMNS, CYCLE_COLUMN_RERUN_OF), "rerun_of");
    cr_expect_str_eq(s_column(CYCLE_COLUMNS, CYCLE_COLUMN_VALIDATION_ID), "validation_id");
    cr_expect_str_eq(s_column(CYCLE_COLUMNS, CYCLE_COLUMN_PRINCIPAL), "principal");
    cr_expect_str_eq(s_column(CYCLE_COLUMNS, CYCLE_COLUMN_PAUSED_AT), "paused_at");
    cr_expect_eq(s_count(CYCLE_COLUMNS), CYCLE_COLUMN_PAUSED_AT + 1);
}

Test(columns, of_stages_are_where_the_statements_have_them, .timeout = 20) {
    cr_expect_str_eq(s_column(CYCLE_STAGE_COLUMNS, STAGE_COLUMN_NAME), "name");
    cr_expect_str_eq(s_column(CYCLE_STAGE_COLUMNS, STAGE_COLUMN_POSITION), "position");
    cr_expect_str_eq(s_column(CYCLE_STAGE_COLUMNS, STAGE_COLUMN_ATTEMPTS), "attempts");
    cr_expect_str_eq(s_column(CYCLE_STAGE_COLUMNS, STAGE_COLUMN_ERROR), "error");
    cr_expect_str_eq(s_column(CYCLE_STAGE_COLUMNS, STAGE_COLUMN_INPUT), "input");
    cr_expect_str_eq(s_column(CYCLE_STAGE_COLUMNS, STAGE_COLUMN_SUMMARY), "summary");
    cr_expect_str_eq(s_column(CYCLE_STAGE_COLUMNS, STAGE_COLUMN_JOB_ID), "job_id");
    cr_expect_eq(s_count(CYCLE_STAGE_COLUMNS), STAGE_COLUMN_JOB_ID + 1);
}

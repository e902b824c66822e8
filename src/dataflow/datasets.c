/* The table of datasets: see datasets.h. */
#include "dataflow/datasets.h"

#include <string.h>

enum { HOUR = 3600, DAY = 24 * HOUR, WARN_S = 36 * HOUR, ERROR_S = 10 * DAY };

#define MANUAL    "manual", NULL
#define CRON(at)  "cron", at " * * 1-5"
#define DAILY_AGE WARN_S, ERROR_S

/* clang-format off */
const dataset_t datasets_all[] = {
    {"batch_daily_ohlc", "flowhub", "brain_daily_data_fetch",
     "{\"data_type\":\"batch_daily_ohlc\",\"symbols\":null,\"incremental\":true,\"force_update\":false}",
     MANUAL, DAILY_AGE, DAY, false},
    {"index_daily_data", "flowhub", "brain_daily_index_fetch",
     "{\"data_type\":\"index_daily_data\",\"index_codes\":null,\"update_mode\":\"incremental\"}",
     MANUAL, DAILY_AGE, 1800, true},
    {"trade_calendar_data", "flowhub", "brain_trade_calendar_fetch",
     "{\"data_type\":\"trade_calendar_data\",\"exchange\":\"SSE\",\"update_mode\":\"incremental\"}",
     MANUAL, DAILY_AGE, 1800, false},
    {"macro_calendar_data", "flowhub", "brain_macro_calendar_fetch",
     "{\"data_type\":\"macro_calendar_data\",\"incremental\":true}",
     MANUAL, DAILY_AGE, 1800, false},
    {"suspend_data", "flowhub", "brain_suspend_data_fetch",
     "{\"data_type\":\"suspend_data\",\"update_mode\":\"incremental\"}",
     MANUAL, DAILY_AGE, 1800, false},
    {"sw_industry_data", "flowhub", "brain_sw_industry_fetch",
     "{\"data_type\":\"sw_industry_data\",\"src\":\"SW2021\",\"include_members\":true,"
     "\"update_mode\":\"incremental\"}",
     MANUAL, DAILY_AGE, 1800, false},
    {"industry_board", "flowhub", "brain_industry_board_fetch",
     "{\"data_type\":\"industry_board\",\"source\":\"ths\",\"update_mode\":\"incremental\"}",
     CRON("30 16"), DAILY_AGE, 14400, false},
    {"concept_board", "flowhub", "brain_concept_board_fetch",
     "{\"data_type\":\"concept_board\",\"source\":\"ths\",\"update_mode\":\"incremental\"}",
     CRON("30 16"), DAILY_AGE, 14400, false},
    {"industry_board_stocks", "flowhub", "brain_industry_board_stocks_fetch",
     "{\"data_type\":\"industry_board_stocks\",\"source\":\"ths\",\"update_mode\":\"incremental\"}",
     CRON("40 16"), DAILY_AGE, 21600, false},
    {"concept_board_stocks", "flowhub", "brain_concept_board_stocks_fetch",
     "{\"data_type\":\"concept_board_stocks\",\"source\":\"ths\",\"update_mode\":\"incremental\"}",
     CRON("55 16"), DAILY_AGE, 21600, false},
    {"industry_moneyflow_data", "flowhub", "brain_industry_moneyflow_fetch",
     "{\"data_type\":\"industry_moneyflow_data\",\"source\":\"ths\",\"incremental\":true}",
     CRON("10 17"), DAILY_AGE, 21600, false},
    {"concept_moneyflow_data", "flowhub", "brain_concept_moneyflow_fetch",
     "{\"data_type\":\"concept_moneyflow_data\",\"source\":\"em\",\"incremental\":true}",
     CRON("15 17"), DAILY_AGE, 21600, false},
    {"batch_daily_basic", "flowhub", "brain_batch_daily_basic_fetch",
     "{\"data_type\":\"batch_daily_basic\",\"incremental\":true}",
     CRON("30 17"), DAILY_AGE, 21600, false},
};
/* clang-format on */
const size_t datasets_count = sizeof datasets_all / sizeof *datasets_all;

const dataset_t *datasets_find(const char *name) {
    for (size_t i = 0; i < datasets_count; i++) {
        if (strcmp(datasets_all[i].name, name) == 0)
            return &datasets_all[i];
    }
    return NULL;
}

void datasets_list(buf_t *out) {
    for (size_t i = 0; i < datasets_count; i++)
        buf_printf(out, "%s%s", i ? ", " : "", datasets_all[i].name);
}

/* What data the shipped prices can provide, as honest record counts. */
#include "flowhub.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *kind, *data_type; /* data_type NULL = the kind with _ for - */
} s_kinds[] = {
    {"batch-stock-data", "batch_daily_ohlc"},
    {"batch-basic-data", "batch_daily_basic"},
    {"index-daily-data", NULL},
    {"index-info", NULL},
    {"industry-board", NULL},
    {"concept-board", NULL},
    {"industry-board-stocks", NULL},
    {"concept-board-stocks", NULL},
    {"adj-factors", NULL},
    {"index-components", NULL},
    {"interest-rate-data", NULL},
    {"stock-index-data", NULL},
    {"market-flow-data", NULL},
    {"commodity-price-data", NULL},
    {"price-index-data", NULL},
    {"money-supply-data", NULL},
    {"social-financing-data", NULL},
    {"investment-data", NULL},
    {"industrial-data", NULL},
    {"sentiment-index-data", NULL},
    {"inventory-cycle-data", NULL},
    {"gdp-data", NULL},
    {"innovation-data", NULL},
    {"demographic-data", NULL},
};

bool flowhub_kind(const char *kind, char *data_type, size_t size) {
    for (size_t i = 0; i < sizeof s_kinds / sizeof *s_kinds; i++)
        if (strcmp(s_kinds[i].kind, kind) == 0) {
            snprintf(data_type, size, "%s", s_kinds[i].data_type ? s_kinds[i].data_type : kind);
            for (char *c = data_type; *c; c++)
                *c = *c == '-' ? '_' : *c;
            return true;
        }
    return false;
}

static bool s_is_mainland_code(const char *code) {
    return strlen(code) == 9 && strspn(code, "0123456789") == 6 && code[6] == '.' &&
           (strcmp(code + 7, "SH") == 0 || strcmp(code + 7, "SZ") == 0 || strcmp(code + 7, "BJ") == 0);
}

static void s_check_components(json_t *codes, const char *path, check_t *check) {
    size_t i;
    json_t *code;
    json_array_foreach (codes, i, code)
        if (!s_is_mainland_code(json_string_value(code)))
            check_invalid(check, path, "index_codes", "must be six digits with .SH, .SZ or .BJ");
}

static void s_check_dates(json_t *params, const char *path, check_t *check) {
    const char *dates[2] = {NULL, NULL};
    static const char *const names[] = {"start_date", "end_date"};
    for (int i = 0; i < 2; i++)
        if (!json_is_null(json_object_get(params, names[i])))
            dates[i] = check_date(check, params, path, names[i], OPTIONAL);
    if (dates[0] && dates[1] && strcmp(dates[0], dates[1]) > 0)
        check_invalid(check, path, "end_date", "must not be before start_date");
}

void flowhub_check_params(const char *data_type, json_t *params, const char *path, check_t *check) {
    static const char *const modes[] = {"incremental", "full_update", "snapshot", NULL};
    static const char *const flags[] = {"incremental", "force_update", "include_members"};
    static const char *const lists[] = {"index_types", "rate_types", "flow_types", "commodity_types",
                                        "indicators"};
    static const char *const texts[] = {"source", "exchange", "src"};
    bool components = strcmp(data_type, "index_components") == 0;
    check_word(check, params, path, "update_mode", OPTIONAL, modes);
    check_symbols(check, params, path, "symbols", OPTIONAL);
    json_t *codes = check_strings(check, params, path, "index_codes", components ? REQUIRED : OPTIONAL);
    if (components)
        s_check_components(codes, path, check);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        check_bool(check, params, path, flags[i], OPTIONAL, false);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        check_strings(check, params, path, lists[i], OPTIONAL);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_string(check, params, path, texts[i], OPTIONAL, 64);
    s_check_dates(params, path, check);
}

/* Totals of a fetch. */
typedef struct {
    int wanted, found;
    long records;
} tally_t;

static int s_monthly_between(const prices_t *prices, const series_t *series, const char *from,
                             const char *to) {
    int count = 0;
    for (int bar = series->first; bar >= 0 && bar < prices->bars; bar++)
        count +=
            (!from || strcmp(prices->dates[bar], from) >= 0) && (!to || strcmp(prices->dates[bar], to) <= 0);
    return count;
}

static void s_count(const prices_t *prices, const series_t *series, json_t *params, tally_t *tally) {
    const char *from = json_string_value(json_object_get(params, "start_date"));
    const char *to = json_string_value(json_object_get(params, "end_date"));
    tally->wanted++;
    if (!series)
        return;
    tally->found++;
    tally->records += strcmp(series->symbol, PRICES_DAILY_SYMBOL) == 0
                          ? prices_days_between(prices, from, to)
                          : s_monthly_between(prices, series, from, to);
}

/* Every series of the kind, or those that the list names. */
static tally_t s_tally(const prices_t *prices, json_t *params, const char *list_name, bool indices) {
    tally_t tally = {0};
    json_t *list = json_object_get(params, list_name);
    size_t i;
    json_t *name;
    for (int k = 0; !json_is_array(list) && k < prices->series_count; k++)
        if (prices->series[k].is_index == indices)
            s_count(prices, &prices->series[k], params, &tally);
    json_array_foreach (list, i, name) {
        const series_t *series = json_is_string(name) ? prices_find(prices, json_string_value(name)) : NULL;
        s_count(prices, series && series->is_index == indices ? series : NULL, params, &tally);
    }
    return tally;
}

static void s_unavailable(const char *data_type, const char *why, job_spec_t *spec) {
    char message[JOB_TEXT_SIZE];
    snprintf(message, sizeof message, "source unavailable: %s: %s", data_type, why);
    job_spec_fail(spec, "SOURCE_UNAVAILABLE", message);
}

static void s_report(const prices_t *prices, const char *data_type, const tally_t *tally, const char *what,
                     job_spec_t *spec) {
    if (tally->found == 0) {
        s_unavailable(data_type, "the shipped prices have none of the symbols", spec);
        return;
    }
    int failed = tally->wanted - tally->found;
    snprintf(spec->message, sizeof spec->message, "%s", what);
    spec->result =
        json_pack("{s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:i, s:s}", "total_symbols", tally->wanted,
                  "successful", tally->found, "failed", failed, "failed_count", failed, "total_records",
                  (json_int_t)tally->records, "records_count", (json_int_t)tally->records, "saved_count",
                  (json_int_t)tally->records, "skipped_count", 0, "as_of", prices_as_of(prices));
}

void flowhub_fetch(const prices_t *prices, const char *data_type, json_t *params, job_spec_t *spec) {
    if (strcmp(data_type, "batch_daily_ohlc") == 0) {
        tally_t tally = s_tally(prices, params, "symbols", false);
        s_report(prices, data_type, &tally, "monthly bars of the shipped stocks", spec);
    } else if (strcmp(data_type, "index_daily_data") == 0) {
        tally_t tally = s_tally(prices, params, "index_codes", true);
        s_report(prices, data_type, &tally, "daily bars of ^GSPC, monthly bars of other indices", spec);
    } else if (strcmp(data_type, "trade_calendar_data") == 0) {
        tally_t tally = {1, prices->days > 0, prices_days_between(prices, NULL, NULL)};
        s_report(prices, data_type, &tally, "trading days of the shipped ^GSPC prices (New York)", spec);
    } else {
        s_unavailable(data_type, "the shipped prices do not hold it", spec);
    }
}

/* The state of the statistics, for the files stats*.c only. */
#pragma once

#include "signals/stats/stats.h"

enum { STATS_MINUTES_MOST = 3 /* in memory; more come together only while the store is down */ };
#define STATS_MINUTE_MS 60000
#define STATS_HOUR_MS   3600000

typedef struct {
    int64_t begins_at; /* ms */
    tally_t *tally;
} stats_minute_t;

typedef struct {
    stats_minute_t minutes[STATS_MINUTES_MOST];
    size_t count;
} stats_minutes_t;

struct signal_stats_s {
    bool known;        /* the marks below */
    int64_t number;    /* of the last flush */
    int64_t noted_seq; /* signals up to this one are counted, */
    int64_t total;     /* all of them, */
    int64_t removed;   /* and those of them that the history holds no more */
    stats_minutes_t pending, flushing;
    int64_t flushing_seq, flushing_total; /* the marks that go with it */
    bool in_flight, failed;               /* the flush; `failed`: the last one */
    int64_t pruned_hour;

    /* stats_restore.c */
    signal_stats_done_fn *done;
    int64_t up_to_seq;
};

/* How a signal with that status counts. What became of it since hides what it was on arrival: a superseded or expired one
 * was routed, but for the few that expired while they were held. */
tally_event_t signal_stats_decided(const char *status);
/* The tally of the minute in which that time lies; in the last one when there are too many. */
tally_t *signal_stats_at(signal_stats_t *self, int64_t now_ms);
void signal_stats_drop(stats_minutes_t *minutes);

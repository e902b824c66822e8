/* The conflicts of a docket settled one after the other: what becomes of each, of those who took part and of the
 * newcomers that were held for them, as one write and as changes of the index. The actor's thread, while no other write
 * is under way.
 *
 * As on arrival, a newcomer that wins supersedes those that it meets, and one that loses is rejected. It is routed when
 * its last open conflict is settled, together with its group, unless it loses to one that became active meanwhile
 * (entry.h). Whoever expired or ended meanwhile has lost. */
#pragma once

#include "signals/journal.h"
#include "signals/modes.h"
#include "signals/resolve/docket.h"

typedef struct {
    docket_t docket;
    strategy_t strategy;
    const char *winner_id, *note, *traceparent; /* borrowed; or NULL */
    const config_t *config;                     /* of signal_routes, */
    const Envelope *cause;                      /* and the request, for deliveries; borrowed */
    bool one_unit;                              /* all or nothing */

    store_write_t *write;
    size_t units; /* of the write; 0: there is nothing to store */
    journal_t journal;
    const modes_t *modes;
    int64_t now_ms, started_us;

    size_t resolved, failed; /* of those asked */
    size_t superseded;       /* signals, */
    size_t closed;           /* and conflicts with their newcomers, */
    size_t found;            /* and conflicts that came up and are resolved; once it is done */
    size_t failed_units;
    err_t refusal;      /* why the last one failed; ERR_VALIDATION_FAILED: the winner is not among */
    buf_t live_members; /* these */
} settle_t;

void settle_init(settle_t *self, strategy_t strategy, const char *winner_id, const char *note);
void settle_free(settle_t *self);

/* Decides all, changes the index and fills `write`. */
void settle_run(settle_t *self, scope_index_t *index, const modes_t *modes, int64_t now_ms);
/* When the write is answered; NULL: nothing is stored. */
void settle_done(settle_t *self, const StoreWritten *written);

/* Fills a zeroed reply; it borrows but for its list, which is freed by the caller. */
void settle_reply(const settle_t *self, ResolveConflictsReply *reply);

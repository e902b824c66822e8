/* The conflicts of one call to be resolved, with all that their outcome depends on: who took part, and the held newcomers
 * with their other open conflicts and the other members of their groups. Read from the store; pure data. */
#pragma once

#include "signals/rules/candidate.h"
#include "store/store.h"

typedef struct member_s {
    Signal signal; /* owned; figures and status follow what is resolved */
    bool queried;  /* its open conflicts and its group are known (of a held one) */
    struct member_s *next;
} member_t;

typedef struct {
    Conflict conflict; /* owned; with its resolution once there is one */
    char newcomer_id[sizeof((Signal *)0)->signal_id];
    bool asked;          /* the call is about it; else it is another one of its newcomer */
    uint32_t unit;       /* of the write that resolves it */
    size_t found;        /* further conflicts of its newcomer that came up and are stored with it */
    Resolution *failure; /* owned; says why it stays open, or NULL */
} dispute_t;

typedef struct {
    dispute_t **disputes; /* asked ones first, oldest first */
    size_t count, asked;
    struct member_table_s *members;
} docket_t;

void docket_init(docket_t *self);
void docket_free(docket_t *self);

/* Rows of CONFLICT_COLUMNS. Those that are there already are passed over. ERR_INTERNAL when one cannot be read. */
ERR_MUST_USE
err_t docket_add_conflicts(docket_t *self, const StoreRows *rows, bool asked);
/* Rows of SIGNAL_COLUMNS. */
ERR_MUST_USE
err_t docket_add_members(docket_t *self, const StoreRows *rows);

/* An active signal that is known from the index alone. */
void docket_add_active(docket_t *self, const candidate_t *active, const scope_key_t *scope);

member_t *docket_member(const docket_t *self, const char *signal_id); /* NULL when it is not there */
/* The next one after `member` (NULL: the first), in no order; NULL after the last. */
member_t *docket_next(const docket_t *self, const member_t *member);
/* Whether both stand or fall together. */
bool docket_same_group(const member_t *a, const member_t *b);
/* Whether `member` is the newcomer or of its group, and held. */
bool docket_waits_with(const member_t *member, const member_t *newcomer);
/* The first conflict of the newcomer that is still open; NULL when there is none. */
dispute_t *docket_open_of(const docket_t *self, const char *newcomer_id);

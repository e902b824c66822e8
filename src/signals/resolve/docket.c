/* Members by id in a hash table, and in a list. */
#include "signals/resolve/docket.h"

#include "base/ids.h"
#include "message/message.h"
#include "signals/conflict_row.h"
#include "signals/signal_row.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

typedef struct member_table_s {
    member_t **slots;
    size_t size, count;
    member_t *first;
} member_table_t;

void docket_init(docket_t *self) {
    *self = (docket_t){.members = calloc(1, sizeof(member_table_t))};
    assert_always(self->members);
}

void docket_free(docket_t *self) {
    for (size_t i = 0; i < self->count; i++) {
        message_release(Conflict_message(), &self->disputes[i]->conflict);
        message_free(Resolution_message(), (void **)&self->disputes[i]->failure);
        free(self->disputes[i]);
    }
    free(self->disputes);
    for (member_t *member = self->members ? self->members->first : NULL; member;) {
        member_t *next = member->next;
        message_release(Signal_message(), &member->signal);
        free(member);
        member = next;
    }
    if (self->members)
        free(self->members->slots);
    free(self->members);
    *self = (docket_t){.count = 0};
}

/* --- members --------------------------------------------------------------------------------- */

static size_t s_slot(member_t *const *slots, size_t size, const char *signal_id) {
    size_t at = ids_hash64(signal_id, strlen(signal_id)) & (size - 1);
    while (slots[at] && strcmp(slots[at]->signal.signal_id, signal_id) != 0)
        at = (at + 1) & (size - 1);
    return at;
}

static void s_grow(member_table_t *self) {
    self->size = self->size ? self->size * 2 : 64;
    free(self->slots);
    self->slots = calloc(self->size, sizeof *self->slots);
    assert_always(self->slots);
    for (member_t *member = self->first; member; member = member->next)
        self->slots[s_slot(self->slots, self->size, member->signal.signal_id)] = member;
}

static void s_add_member(member_table_t *self, member_t *member) {
    if (2 * self->count >= self->size)
        s_grow(self);
    size_t at = s_slot(self->slots, self->size, member->signal.signal_id);
    if (self->slots[at]) {
        message_release(Signal_message(), &member->signal);
        free(member);
        return;
    }
    self->slots[at] = member;
    self->count++;
    member->next = self->first;
    self->first = member;
}

err_t docket_add_members(docket_t *self, const StoreRows *rows) {
    err_t err = OK;
    for (size_t i = 0; i < rows->rows_count && err == OK; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        member_t *member = calloc(1, sizeof *member);
        assert_always(member);
        err = row ? signal_row_read(row, &member->signal) : ERR_INTERNAL;
        store_row_destroy(&row);
        if (err == OK) {
            s_add_member(self->members, member);
        } else {
            message_release(Signal_message(), &member->signal);
            free(member);
        }
    }
    return err;
}

void docket_add_active(docket_t *self, const candidate_t *active, const scope_key_t *scope) {
    member_t *member = calloc(1, sizeof *member);
    assert_always(member);
    Signal *signal = &member->signal;
    MESSAGE_PUT(signal->signal_id, active->signal_id);
    MESSAGE_PUT(signal->source, active->source);
    MESSAGE_PUT(signal->target, scope->target);
    MESSAGE_PUT(signal->status, "routed");
    if ((signal->has_symbol = active->has_symbol && scope->symbol))
        MESSAGE_PUT(signal->symbol, scope->symbol);
    signal->seq = active->seq;
    signal->expiry_time = active->expiry_time;
    s_add_member(self->members, member);
}

member_t *docket_member(const docket_t *self, const char *signal_id) {
    const member_table_t *members = self->members;
    return members->size ? members->slots[s_slot(members->slots, members->size, signal_id)] : NULL;
}

member_t *docket_next(const docket_t *self, const member_t *member) {
    return member ? member->next : self->members->first;
}

bool docket_same_group(const member_t *a, const member_t *b) {
    return a == b || (a->signal.has_group_id && b->signal.has_group_id &&
                      strcmp(a->signal.group_id, b->signal.group_id) == 0 &&
                      strcmp(a->signal.routing_id, b->signal.routing_id) == 0);
}

bool docket_waits_with(const member_t *member, const member_t *newcomer) {
    return strcmp(member->signal.status, "held") == 0 && docket_same_group(member, newcomer);
}

/* --- conflicts ------------------------------------------------------------------------------- */

static bool s_has(const docket_t *self, const char *conflict_id) {
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->disputes[i]->conflict.conflict_id, conflict_id) == 0)
            return true;
    return false;
}

static int s_older(const void *a, const void *b) {
    const Conflict *x = &(*(dispute_t *const *)a)->conflict, *y = &(*(dispute_t *const *)b)->conflict;
    if (x->detected_at != y->detected_at)
        return x->detected_at < y->detected_at ? -1 : 1;
    return strcmp(x->conflict_id, y->conflict_id);
}

static err_t s_add_conflict(docket_t *self, const store_row_t *row, bool asked) {
    dispute_t *dispute = calloc(1, sizeof *dispute);
    assert_always(dispute);
    dispute->asked = asked;
    err_t err = conflict_row_read(row, &dispute->conflict);
    if (err == OK && !MESSAGE_SET(dispute->newcomer_id, conflict_row_newcomer(row)))
        err = ERR_INTERNAL;
    if (err != OK || s_has(self, dispute->conflict.conflict_id)) {
        message_release(Conflict_message(), &dispute->conflict);
        free(dispute);
        return err;
    }
    self->disputes[self->count++] = dispute;
    self->asked += asked;
    return OK;
}

err_t docket_add_conflicts(docket_t *self, const StoreRows *rows, bool asked) {
    err_t err = OK;
    self->disputes = realloc(self->disputes, (self->count + rows->rows_count + 1) * sizeof *self->disputes);
    assert_always(self->disputes);
    for (size_t i = 0; i < rows->rows_count && err == OK; i++) {
        store_row_t *row = store_row_new(rows->rows[i]);
        err = row ? s_add_conflict(self, row, asked) : ERR_INTERNAL;
        store_row_destroy(&row);
    }
    if (asked)
        qsort(self->disputes, self->count, sizeof *self->disputes, s_older);
    return err;
}

dispute_t *docket_open_of(const docket_t *self, const char *newcomer_id) {
    for (size_t i = 0; i < self->count; i++)
        if (!self->disputes[i]->conflict.resolution &&
            strcmp(self->disputes[i]->newcomer_id, newcomer_id) == 0)
            return self->disputes[i];
    return NULL;
}

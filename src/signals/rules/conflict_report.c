/* Conflicts in words and as messages. */
#include "signals/rules/conflict_report.h"

#include "base/clock.h"
#include "message/message.h"
#include "signals/rules/strategy_parts.h"
#include <float.h>
#include <inttypes.h>
#include <math.h>

enum { NAMED_MOST = 3 }; /* rivals that a description names */

static const char *const s_sides[SIDE_COUNT] = {"", "buy", "sell", "hold"};

/* ---- Words ---- */

typedef void(s_figure_fn)(const candidate_t *newcomer, const candidate_t *rival, buf_t *out);

static void s_priority(const candidate_t *newcomer, const candidate_t *rival, buf_t *out) {
    (void)newcomer;
    buf_printf(out, " (%u)", (unsigned)rival->priority);
}

static void s_strength(const candidate_t *newcomer, const candidate_t *rival, buf_t *out) {
    (void)newcomer;
    buf_printf(out, " (%.12g)", rival->strength);
}

static void s_resources(const candidate_t *newcomer, const candidate_t *rival, buf_t *out) {
    (void)newcomer;
    buf_printf(out, " (%.12g)", rival->resources);
}

static void s_timing(const candidate_t *newcomer, const candidate_t *rival, buf_t *out) {
    char own[CLOCK_RFC3339_SIZE], other[CLOCK_RFC3339_SIZE];
    if (newcomer->has_source_seq && rival->has_source_seq) {
        buf_printf(out, " (source_seq %" PRId64 " after %" PRId64 ")", newcomer->source_seq,
                   rival->source_seq);
        return;
    }
    clock_format_ms(newcomer->timestamp, own);
    clock_format_ms(rival->timestamp, other);
    buf_printf(out, " (timestamp %s after %s)", own, other);
}

static void s_rivals(const clash_t *self, s_figure_fn *figure, buf_t *out) {
    for (size_t i = 0; i < self->count && i < NAMED_MOST; i++) {
        buf_printf(out, "%s%s", i ? ", " : " ", self->rivals[i]->signal_id);
        if (figure)
            figure(self->newcomer, self->rivals[i], out);
    }
    if (self->count > NAMED_MOST)
        buf_printf(out, " and %zu more", self->count - NAMED_MOST);
    if (self->count >= CONFLICT_SIGNALS_MOST)
        buf_printf(out, ", %zu of them not listed", self->count + 1 - CONFLICT_SIGNALS_MOST);
}

void clash_describe(const clash_t *self, buf_t *out) {
    const candidate_t *newcomer = self->newcomer;
    switch (self->type) {
    case CONFLICT_PRIORITY:
        buf_printf(out, "priority %u is %d or more away from that of", (unsigned)newcomer->priority,
                   CONFLICT_PRIORITY_GAP);
        s_rivals(self, s_priority, out);
        return;
    case CONFLICT_DIRECTION:
        buf_printf(out, "side %s is against side %s of", s_sides[newcomer->side],
                   s_sides[self->rivals[0]->side]);
        s_rivals(self, NULL, out);
        return;
    case CONFLICT_TIMING:
        buf_printf(out, "source %s sent it after a newer one:", newcomer->source);
        s_rivals(self, s_timing, out);
        return;
    case CONFLICT_STRENGTH:
        buf_printf(out, "strength %.12g is more than %.12g away from that of", newcomer->strength,
                   CONFLICT_STRENGTH_GAP);
        s_rivals(self, s_strength, out);
        return;
    default:
        buf_printf(out, "resource requirements add up to %.12g, more than %.12g: %.12g and those of",
                   fmin(self->resource_sum, DBL_MAX), CONFLICT_RESOURCE_MOST, newcomer->resources);
        s_rivals(self, s_resources, out);
    }
}

void scope_describe(const scope_key_t *scope, buf_t *out) {
    buf_printf(out, "%s/%s", scope->target, scope->symbol ? scope->symbol : "-");
}

/* ---- Messages ---- */

static void s_side_of(const candidate_t *member, ConflictSignal *side) {
    MESSAGE_PUT(side->signal_id, member->signal_id);
    MESSAGE_PUT(side->source, member->source);
    side->has_side = member->side != SIDE_NONE;
    MESSAGE_PUT(side->side, s_sides[member->side]);
    side->strength = member->strength;
    side->confidence = member->confidence;
    side->priority = member->priority;
    side->timestamp = member->timestamp;
}

static void s_identify(const clash_t *self, Conflict *conflict) {
    buf_t text = BUF_INIT;
    buf_printf(&text, "conflict\n%s\n%s\n%s\n%s", self->newcomer->signal_id, self->scope->target,
               self->scope->symbol ? self->scope->symbol : "", conflict_type_names[self->type]);
    derived_id(buf_str(&text), conflict->conflict_id);
    buf_free(&text);
}

void clash_report(const clash_t *self, int64_t now_ms, Conflict *conflict) {
    buf_t description = BUF_INIT;
    s_identify(self, conflict);
    MESSAGE_PUT(conflict->conflict_type, conflict_type_names[self->type]);
    MESSAGE_PUT(conflict->severity, conflict_severity(self->type));
    MESSAGE_PUT(conflict->target, self->scope->target);
    conflict->has_symbol = self->scope->symbol != NULL;
    MESSAGE_PUT(conflict->symbol, conflict->has_symbol ? self->scope->symbol : "");
    MESSAGE_PUT(conflict->status, "open");
    conflict->detected_at = now_ms;
    size_t count = self->count + 1 < CONFLICT_SIGNALS_MOST ? self->count + 1 : CONFLICT_SIGNALS_MOST;
    conflict->signals = message_list(count, sizeof *conflict->signals);
    conflict->signals_count = (pb_size_t)count;
    for (size_t i = 0; i < count; i++)
        s_side_of(i ? self->rivals[i - 1] : self->newcomer, &conflict->signals[i]);
    clash_describe(self, &description);
    conflict->description = buf_steal(&description);
}

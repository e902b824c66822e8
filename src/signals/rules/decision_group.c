/* Decisions that no comparison made: of a newcomer without rivals, and of one that follows its group. */
#include "message/message.h"
#include "signals/rules/decision_case.h"
#include "signals/rules/strategy_parts.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

void decision_unopposed(Decision *decision) {
    buf_t text = BUF_INIT;
    MESSAGE_PUT(decision->strategy, "none");
    MESSAGE_PUT(decision->rule_version, DECISION_RULE_VERSION);
    buf_append_str(&text, "routed: no active signal of its scope contradicts it");
    decision_add_reason(decision, &text);
}

static void s_forget_parties(Decision *decision) {
    for (size_t i = 0; i < decision->loser_signal_ids_count; i++)
        free(decision->loser_signal_ids[i]);
    free(decision->loser_signal_ids);
    decision->loser_signal_ids = NULL;
    decision->loser_signal_ids_count = 0;
    decision->has_winner_signal_id = false;
    decision->winner_signal_id[0] = '\0';
}

/* ---- Rejected with its group ---- */

static void s_lose_decision(Decision *decision, const char *newcomer_id) {
    decision->loser_signal_ids = message_list(1, sizeof *decision->loser_signal_ids);
    decision->loser_signal_ids[0] = message_strdup(newcomer_id);
    decision->loser_signal_ids_count = 1;
}

/* Keeps the scores of a resolution that there was. */
static void s_close_conflict(Conflict *conflict, strategy_t strategy, const char *reason) {
    Resolution *resolution = message_new(Resolution_message());
    Resolution *before = conflict->resolution;
    conflict_type_t type = CONFLICT_PRIORITY;
    while (strcmp(conflict_type_names[type], conflict->conflict_type) != 0)
        type++;
    resolution_open(resolution, conflict->conflict_id, type, strategy, conflict->detected_at);
    if (before) {
        resolution->scores = before->scores;
        resolution->scores_count = before->scores_count;
        before->scores = NULL;
        before->scores_count = 0;
        message_free(Resolution_message(), (void **)&conflict->resolution);
    }
    resolution->has_winner_signal_id = true; /* the rivals stay; the best is listed behind the newcomer */
    MESSAGE_PUT(resolution->winner_signal_id, conflict->signals[1].signal_id);
    resolution->loser_signal_ids = message_list(1, sizeof *resolution->loser_signal_ids);
    resolution->loser_signal_ids[0] = message_strdup(conflict->signals[0].signal_id);
    resolution->loser_signal_ids_count = 1;
    resolution->reason = message_strdup(reason);
    conflict->resolution = resolution;
    MESSAGE_PUT(conflict->status, "resolved");
}

static void s_reject(verdict_t *verdict, const char *reason) {
    strategy_t strategy;
    if (verdict->conflict_count == 0)
        return; /* its strategy is "none" */
    err_t err = strategy_from_name(verdict->decision.strategy, &strategy);
    assert_always(err == OK);
    s_lose_decision(&verdict->decision, verdict->conflicts[0].signals[0].signal_id);
    for (size_t i = 0; i < verdict->conflict_count; i++)
        s_close_conflict(&verdict->conflicts[i], strategy, reason);
}

/* ---- Held with its group ---- */

static void s_hold(verdict_t *verdict) {
    for (size_t i = 0; i < verdict->conflict_count; i++) {
        message_free(Resolution_message(), (void **)&verdict->conflicts[i].resolution);
        MESSAGE_PUT(verdict->conflicts[i].status, "open");
    }
}

void decision_follow_group(verdict_t *verdict, const char *status, const char *member_id) {
    buf_t text = BUF_INIT;
    if (strcmp(verdict->status, status) == 0)
        return;
    verdict->status = strcmp(status, "held") == 0 ? "held" : "rejected";
    verdict->superseded_count = verdict->adjustment_count = 0;
    s_forget_parties(&verdict->decision);
    buf_printf(&text, "%s with its group: %s did not pass", verdict->status, member_id);
    if (strcmp(verdict->status, "held") == 0)
        s_hold(verdict);
    else
        s_reject(verdict, buf_str(&text));
    decision_add_reason(&verdict->decision, &text);
}

/* Rule version 1. */
#include "signals/decision.h"

#include "base/err.h"
#include "message/message.h"
#include <string.h>

static void s_reason(Decision *decision, const char *text) {
    decision->reasons = message_list(1, sizeof *decision->reasons);
    decision->reasons[0] = message_strdup(text);
    decision->reasons_count = 1;
}

const char *decision_make(const Signal *newcomer, int64_t now_ms, Decision *decision) {
    assert_always(newcomer->expiry_time > now_ms); /* admission refuses what has expired */
    MESSAGE_PUT(decision->strategy, "none");
    MESSAGE_PUT(decision->rule_version, DECISION_RULE_VERSION);
    s_reason(decision, "rule version " DECISION_RULE_VERSION " compares no signals: routed as admitted");
    return "routed";
}

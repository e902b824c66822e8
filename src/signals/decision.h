/* What becomes of an admitted signal. Pure: the same signal at the same time gets the same decision. */
#pragma once

#include "integration/v1/signals.pb.h"

#define DECISION_RULE_VERSION "1"

/* Fills the zeroed `decision` (message_release frees it) and returns the signal's status, a word of Signal.status.
 * Rule version 1 routes every admitted signal: it holds none against another, and says so. */
const char *decision_make(const Signal *newcomer, int64_t now_ms, Decision *decision);

/* Messages of the stream as text. Pure. */
#pragma once

#include "base/buf.h"
#include "cli/client.h"

/* One line for people: time, #seq, topic, then for a signal its side, symbol, strength, confidence and status, for
 * anything else the fields that are set. */
void print_line(const received_t *message, buf_t *out);

/* One JSON object: topic, the header's fields, payload. */
void print_json(const received_t *message, buf_t *out);

/* Messages of the stream as text, and how to read a payload. */
#ifndef PRINT_H
#define PRINT_H

#include "subscriber.h"

/* One line to stdout; as JSON: topic, fields of the header, payload. False when nobody reads on. */
bool print_message(const subscriber_message_t *message, bool as_json);

#endif

/* Commands and replies on their way from one thread into the inbox of another. They do not pass the broker, whose hop
 * would cost two more wake-ups of a thread. Private to src/bus; any thread. */
#pragma once

#include "bus/inbox.h"

/* From now on what is sent to topics below the prefix ("cmd/<component>/" or "inbox/<hex>/") comes into the inbox; of
 * several with the same prefix, into the one that was added last. */
void post_add(const char *prefix, inbox_t *inbox);
/* When it returns, nothing further comes by this prefix. */
void post_remove(const char *prefix, inbox_t *inbox);

/* Takes the frames. A command that nobody takes, or whose taker is full, is answered with a Fault (NO_SUBSCRIBER,
 * OVERLOADED). A reply whose asker is gone or full is dropped. */
void post_send(frames_t *frames);

typedef struct {
    uint64_t delivered, no_subscriber, overloaded, replies_dropped, malformed;
} post_counts_t;
/* Since the bus started. */
post_counts_t post_counts(void);
void post_reset_counts(void);

/* The queue in which commands and replies reach a client: every thread can put into it, the owner takes out. Who puts in
 * knows it by a topic (post.h). Private to src/bus. */
#pragma once

#include "bus/frames.h"

typedef struct inbox_s inbox_t;

inbox_t *inbox_new(size_t most);      /* messages that it holds; NULL when there is no descriptor left */
void inbox_destroy(inbox_t **self_p); /* with what is in it */

/* Takes the frames, and wakes the owner when it waits. ERR_OVERLOADED: full, the frames are still the caller's. Any
 * thread. */
ERR_MUST_USE
err_t inbox_put(inbox_t *self, frames_t *frames);

/* The rest: the owner. */

/* The oldest message; false when there is none. */
bool inbox_take(inbox_t *self, frames_t *frames);
/* The descriptor to poll: readable when something came since inbox_take found nothing. */
int inbox_fd(const inbox_t *self);

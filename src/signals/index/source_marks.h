/* The newest signals of each source in one large scope. Sources are told apart by address. One thread. */
#pragma once

#include "signals/rules/candidate.h"
#include <stddef.h>

typedef struct {
    const char *source; /* NULL: empty */
    uint32_t count;
    int64_t newest;     /* timestamp, ms */
    int64_t newest_seq; /* source_seq; INT64_MIN when none has one */
} source_mark_t;

typedef struct {
    source_mark_t *marks;
    uint32_t mask, used;
} source_marks_t;

source_marks_t *source_marks_new(void);
void source_marks_destroy(source_marks_t **self_p);
void source_marks_add(source_marks_t *self, const candidate_t *candidate);
/* What was newest stays so, unless it was the last of its source. */
void source_marks_remove(source_marks_t *self, const candidate_t *candidate);
/* NULL: nothing of this source is there. */
const source_mark_t *source_marks_of(const source_marks_t *self, const char *source);
size_t source_marks_bytes(const source_marks_t *self);

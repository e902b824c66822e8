/* Ranges double while the store is quick, and halve when it takes long. */
#include "signals/reading/history_walk.h"

/* How long the store should take for a range; and seqs of one. */
#define STEP_LEAST_US 15000
#define STEP_MOST_US  60000
#define RANGE_LEAST   INT64_C(4096)
#define RANGE_MOST    INT64_C(1073741824)

void history_walk_skip(history_walk_t *self, const history_total_t *known) {
    int64_t first_seq = known->first_seq <= known->up_to_seq ? known->first_seq : known->up_to_seq + 1;
    if (self->low < first_seq)
        self->low = first_seq;
    if (self->high <= known->up_to_seq && self->high > known->last_seq)
        self->high = known->last_seq;
}

bool history_walk_next(history_walk_t *self, bool ascending, int64_t now_us) {
    if (self->low > self->high)
        return false;
    self->from = self->low;
    self->to = self->high;
    if (self->high - self->low >= self->range) {
        if (ascending)
            self->to = self->low + self->range - 1;
        else
            self->from = self->high - self->range + 1;
    }
    self->asked_us = now_us;
    return true;
}

void history_walk_pass(history_walk_t *self, bool ascending, int64_t now_us) {
    int64_t took_us = now_us - self->asked_us;
    if (ascending)
        self->low = self->to + 1;
    else
        self->high = self->from - 1;
    if (took_us < STEP_LEAST_US && self->range < RANGE_MOST)
        self->range *= 2;
    else if (took_us > STEP_MOST_US && self->range > RANGE_LEAST)
        self->range /= 2;
}

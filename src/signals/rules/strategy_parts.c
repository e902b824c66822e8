/* Merging, sharing out, scores, and the record of a resolution. */
#include "signals/rules/strategy_parts.h"

#include "base/ids.h"
#include "base/json_hash.h"
#include "message/message.h"
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool strategy_merges(strategy_t strategy, conflict_type_t type) {
    return strategy == STRATEGY_AVERAGE_STRENGTH && type == CONFLICT_STRENGTH;
}

bool strategy_scales(strategy_t strategy, conflict_type_t type) {
    return strategy == STRATEGY_PROPORTIONAL_ALLOCATION && type == CONFLICT_RESOURCE;
}

double strategy_merged_strength(const candidate_t *const *members, size_t count) {
    double weights = 0, weighted = 0, plain = 0, least = DBL_MAX, most = -DBL_MAX;
    for (size_t i = 0; i < count; i++) {
        weights += members[i]->confidence;
        weighted += members[i]->confidence * members[i]->strength;
        plain += members[i]->strength;
        least = fmin(least, members[i]->strength);
        most = fmax(most, members[i]->strength);
    }
    /* The quotient of two tiny numbers may be rounded out of the range. */
    return fmin(fmax(weights > 0 ? weighted / weights : plain / (double)count, least), most);
}

void strategy_shares(const candidate_t *const *members, size_t count, adjustment_t *shares) {
    double most = 0, sum = 0; /* the sum in units of the greatest: it cannot overflow */
    for (size_t i = 0; i < count; i++)
        most = fmax(most, members[i]->resources);
    for (size_t i = 0; i < count; i++)
        sum += members[i]->resources / most;
    for (size_t i = 0; i < count; i++)
        shares[i] = (adjustment_t){
            .of = members[i], .has_allocation = true, .allocation = members[i]->resources / most / sum};
}

size_t strategy_scores(strategy_t strategy, const candidate_t *const *ranked, size_t count,
                       const candidate_t *kept, SignalScore **scores) {
    size_t size = count < STRATEGY_SCORES_MOST ? count : STRATEGY_SCORES_MOST;
    bool cut = kept && size < count && strategy_compare(strategy, kept, ranked[size - 1]) > 0;
    *scores = message_list(size, sizeof **scores);
    for (size_t i = 0; i < size; i++) {
        const candidate_t *member = cut && i + 1 == size ? kept : ranked[i];
        MESSAGE_PUT((*scores)[i].signal_id, member->signal_id);
        (*scores)[i].score = strategy_score(strategy, member);
        (*scores)[i].priority = member->priority;
        (*scores)[i].confidence = member->confidence;
        (*scores)[i].strength = member->strength;
    }
    return size;
}

void resolution_open(Resolution *self, const char *conflict_id, conflict_type_t type, strategy_t strategy,
                     int64_t now_ms) {
    char text[sizeof self->conflict_id + 80];
    snprintf(text, sizeof text, "resolution\n%s\n%s\n%" PRId64, conflict_id, strategy_names[strategy],
             now_ms);
    derived_id(text, self->resolution_id);
    MESSAGE_PUT(self->conflict_id, conflict_id);
    MESSAGE_PUT(self->conflict_type, conflict_type_names[type]);
    MESSAGE_PUT(self->strategy, strategy_names[strategy]);
    MESSAGE_PUT(self->resolution_result, "success");
    self->timestamp = now_ms;
}

void resolution_set_outcome(Resolution *self, const candidate_t *winner, const candidate_t *const *losers,
                            size_t count) {
    self->has_winner_signal_id = winner != NULL;
    MESSAGE_PUT(self->winner_signal_id, winner ? winner->signal_id : "");
    self->loser_signal_ids = message_list(count, sizeof *self->loser_signal_ids);
    self->loser_signal_ids_count = (pb_size_t)count;
    for (size_t i = 0; i < count; i++)
        self->loser_signal_ids[i] = message_strdup(losers[i]->signal_id);
}

void derived_id(const char *text, char out[DERIVED_ID_SIZE]) {
    uint64_t high = ids_hash64(text, strlen(text));
    uint64_t low = hash_fold(high, strlen(text)); /* a second hash of all bytes, from another start */
    for (const char *c = text; *c; c++)
        low = hash_fold(low, (unsigned char)*c);
    snprintf(out, DERIVED_ID_SIZE, "%08" PRIx64 "-%04" PRIx64 "-8%03" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
             high >> 32, (high >> 16) & 0xffff, high & 0xfff, 0x8000 | (low >> 50),
             low & UINT64_C(0xffffffffffff));
}

/* The circuit breaker: see breaker.h. */
#include "services/breaker.h"

#include <string.h>

void breaker_init(breaker_t *self) {
    memset(self, 0, sizeof *self);
    self->open_for_us = BREAKER_OPEN_MIN_US;
}

static void s_open(breaker_t *self, int64_t now_us, int64_t open_for_us) {
    self->state = BREAKER_OPEN;
    self->era++;
    self->opened_at_us = now_us;
    self->open_for_us = open_for_us < BREAKER_OPEN_MAX_US ? open_for_us : BREAKER_OPEN_MAX_US;
    self->probes_in_flight = 0;
    self->probes_succeeded = 0;
}

static void s_close(breaker_t *self) {
    int64_t opened_at_us = self->opened_at_us;
    uint32_t era = self->era + 1;
    breaker_init(self);
    self->opened_at_us = opened_at_us;
    self->era = era;
}

static bool s_open_time_is_over(const breaker_t *self, int64_t now_us) {
    return now_us - self->opened_at_us >= self->open_for_us;
}

bool breaker_allow(breaker_t *self, int64_t now_us) {
    if (self->state == BREAKER_CLOSED)
        return true;
    if (self->state == BREAKER_OPEN) {
        if (!s_open_time_is_over(self, now_us))
            return false;
        self->state = BREAKER_HALF_OPEN;
        self->era++;
    }
    if (self->probes_in_flight + self->probes_succeeded >= BREAKER_PROBES)
        return false;
    self->probes_in_flight++;
    return true;
}

static void s_window_add(breaker_t *self, int64_t now_us, bool success) {
    int64_t second = now_us / 1000000;
    size_t slot = (size_t)(second % BREAKER_WINDOW_SECONDS);
    if (self->window[slot].second != second) {
        self->window[slot].second = second;
        self->window[slot].calls = 0;
        self->window[slot].failures = 0;
    }
    self->window[slot].calls++;
    self->window[slot].failures += !success;
}

static bool s_window_is_bad(const breaker_t *self, int64_t now_us) {
    int64_t oldest = now_us / 1000000 - BREAKER_WINDOW_SECONDS;
    int calls = 0, failures = 0;
    for (int i = 0; i < BREAKER_WINDOW_SECONDS; i++) {
        if (self->window[i].second <= oldest)
            continue;
        calls += self->window[i].calls;
        failures += self->window[i].failures;
    }
    return calls >= BREAKER_MIN_CALLS && failures >= BREAKER_FAILURE_RATIO * calls;
}

static void s_record_closed(breaker_t *self, int64_t now_us, bool success) {
    s_window_add(self, now_us, success);
    self->consecutive_failures = success ? 0 : self->consecutive_failures + 1;
    if (!success && (self->consecutive_failures >= BREAKER_CONSECUTIVE || s_window_is_bad(self, now_us)))
        s_open(self, now_us, BREAKER_OPEN_MIN_US);
}

static void s_record_half_open(breaker_t *self, int64_t now_us, bool success) {
    self->probes_in_flight--;
    if (!success) {
        s_open(self, now_us, self->open_for_us * 2);
        return;
    }
    if (++self->probes_succeeded >= BREAKER_PROBES)
        s_close(self);
}

void breaker_record(breaker_t *self, int64_t now_us, uint32_t era, bool success) {
    if (era != self->era)
        return;
    if (self->state == BREAKER_CLOSED)
        s_record_closed(self, now_us, success);
    else
        s_record_half_open(self, now_us, success);
}

void breaker_forget(breaker_t *self, uint32_t era) {
    if (era == self->era && self->state == BREAKER_HALF_OPEN)
        self->probes_in_flight--;
}

int64_t breaker_retry_at_us(const breaker_t *self) {
    return self->state == BREAKER_OPEN ? self->opened_at_us + self->open_for_us : 0;
}

breaker_state_t breaker_state(const breaker_t *self, int64_t now_us) {
    if (self->state == BREAKER_OPEN && s_open_time_is_over(self, now_us))
        return BREAKER_HALF_OPEN;
    return self->state;
}

const char *breaker_state_name(breaker_state_t state) {
    static const char *const names[] = {"closed", "open", "half_open"};
    return names[state];
}

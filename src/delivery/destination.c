/* A url: how many may go at once, and when. */
#include "delivery/delivery_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/url.h"
#include <stdlib.h>
#include <string.h>

enum { CONNECT_TIMEOUT_MS = 5000, RESPONSE_CAP = 1 << 20 /* bytes; only a refusal is looked into */ };

static destination_t *s_new(actor_t *actor, const char *url) {
    destination_t *self = calloc(1, sizeof *self);
    assert_always(self);
    http_client_options_t options = {.pool_size = DELIVERY_IN_FLIGHT * 2, /* half of them for one host */
                                     .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                     .response_cap = RESPONSE_CAP,
                                     .ca_file = actor_config(actor)->adapter_ca_file};
    self->actor = actor;
    self->url = strdup(url);
    assert_always(self->url);
    self->shown = url_mask(url);
    self->http = http_client_new(actor, &options);
    assert_always(self->http);
    breaker_init(&self->breaker);
    return self;
}

destination_t *destination_at(actor_t *actor, const char *url) {
    delivery_t *state = actor_state(actor);
    destination_t **at = &state->destinations;
    while (*at && strcmp((*at)->url, url) != 0)
        at = &(*at)->next;
    if (!*at)
        *at = s_new(actor, url);
    return *at;
}

void destination_free_all(delivery_t *state) {
    while (state->destinations) {
        destination_t *self = state->destinations;
        state->destinations = self->next;
        http_client_destroy(&self->http);
        parcel_drop_all(self);
        actor_timer_cancel(self->actor, &self->timer);
        lanes_clear(&self->lanes);
        free(self->url);
        free(self->shown);
        free(self);
    }
}

breaker_state_t destination_circuit(const destination_t *self) {
    return breaker_state(&self->breaker, clock_mono_us());
}

void destination_watch_circuit(destination_t *self) {
    breaker_state_t circuit = destination_circuit(self);
    if (circuit == self->seen_circuit)
        return;
    if (circuit == BREAKER_OPEN)
        log_warning("the circuit of a signal route is open", LOG_STR("url", self->shown),
                    LOG_INT("open_ms", self->breaker.open_for_us / 1000));
    else
        log_info("the circuit of a signal route changed", LOG_STR("url", self->shown),
                 LOG_STR("circuit", breaker_state_name(circuit)));
    self->seen_circuit = circuit;
}

static uint32_t s_allowed(const destination_t *self) {
    switch (destination_circuit(self)) {
    case BREAKER_CLOSED: return DELIVERY_IN_FLIGHT;
    case BREAKER_HALF_OPEN: return (uint32_t)(BREAKER_PROBES - self->breaker.probes_succeeded);
    default: return 0;
    }
}

static void s_on_timer(actor_t *actor, void *context) {
    (void)actor;
    destination_t *self = context;
    self->timer = 0;
    destination_pump(self);
}

static void s_pump_at(destination_t *self, int64_t at_us, int64_t now_us) {
    actor_timer_cancel(self->actor, &self->timer);
    if (at_us)
        self->timer =
            actor_timer_once(self->actor, at_us > now_us ? (at_us - now_us) / 1000 + 1 : 0, s_on_timer, self);
}

void destination_pump(destination_t *self) {
    const delivery_t *state = actor_state(self->actor);
    int64_t now_us = clock_mono_us(), next_us = lanes_wake(&self->lanes, now_us);
    if (state->stopping)
        return;
    for (lane_t *lane; self->busy < s_allowed(self) && (lane = lanes_take(&self->lanes));)
        parcel_begin(self, lane);
    int64_t circuit_us = self->lanes.ready.first ? breaker_retry_at_us(&self->breaker) : 0;
    if (circuit_us > now_us && (!next_us || circuit_us < next_us))
        next_us = circuit_us;
    s_pump_at(self, next_us, now_us);
    waiting_catch_up(self);
}

/* What the files of the delivery component share. The actor's thread. */
#pragma once

#include "delivery/delivery.h"
#include "delivery/lanes.h"
#include "services/breaker.h"
#include "services/http_client.h"

#define DELIVERY_STORE_AGAIN_MS 1000 /* until the store is asked again after a failure */

typedef struct parcel_s parcel_t;

/* A url. */
typedef struct destination_s {
    struct destination_s *next;
    actor_t *actor;
    char *url, *shown;   /* shown: credentials masked */
    http_client_t *http; /* its own: one that hangs takes no connections from the others */
    breaker_t breaker;
    breaker_state_t seen_circuit;
    lanes_t lanes;
    parcel_t *parcels; /* under way, one for each busy lane */
    uint32_t busy;
    uint64_t timer;

    /* Not all that waits has a lane: what comes after the cursor is read when there is room. */
    bool behind, reading;
    bool missed;  /* something came since it was read last, */
    bool rewound; /* and the cursor went back while a page was being read */
    uint64_t cursor;
} destination_t;

typedef struct {
    destination_t *destinations;

    /* waiting.c: how far the outbox was read */
    uint64_t cursor;
    char *cursor_url; /* within the seq */
    bool reading, unread;

    bool stopping;
    int64_t drained_by_us;
    size_t calls; /* commands under way */

    uint64_t delivered, retried, dead; /* outcomes since the start */
    bool counting, changed;            /* changed: the counts below may be wrong */
    int64_t pending_rows, dead_rows;
} delivery_t;

/* ---- destination.c ---- */

/* The destination of a url; made when there is none. */
destination_t *destination_at(actor_t *actor, const char *url);
void destination_free_all(delivery_t *state);
/* Begins what may go now, and sees to it that it is called again when more may. */
void destination_pump(destination_t *self);
/* Logs a change of the circuit. */
void destination_watch_circuit(destination_t *self);
breaker_state_t destination_circuit(const destination_t *self);

/* ---- parcel.c: one delivery, from the outbox to the outcome that is committed ---- */

/* The lane is busy; it is given back to self->lanes in the end, and the destination is pumped. */
void parcel_begin(destination_t *self, lane_t *lane);
/* At the stop: those that wait for the store to come back. */
void parcel_drop_all(destination_t *self);

/* ---- waiting.c: from the outbox into lanes ---- */

/* There may be something new. */
void waiting_read(actor_t *actor);
/* Reads what there was no room for. */
void waiting_catch_up(destination_t *self);
/* A delivery is pending again. */
void waiting_again(actor_t *actor, const char *url, const char *scope, uint64_t seq);
/* Counts pending and dead ones when they may have changed. */
void waiting_count(actor_t *actor);

/* ---- delivery_list.c, delivery_retry.c ---- */
actor_command_fn delivery_list, delivery_retry;

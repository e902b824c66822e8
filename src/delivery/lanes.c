/* Lanes: see lanes.h. */
#include "delivery/lanes.h"

#include "base/err.h"
#include "base/ids.h"
#include <stdlib.h>
#include <string.h>

static lane_t **s_bucket(lanes_t *self, const char *scope) {
    return &self->buckets[ids_hash64(scope, strlen(scope)) % LANES_BUCKETS];
}

static lane_t *s_find(lanes_t *self, const char *scope) {
    lane_t *lane = *s_bucket(self, scope);
    while (lane && strcmp(lane->scope, scope) != 0)
        lane = lane->chain;
    return lane;
}

static void s_append(lane_list_t *list, lane_t *lane) {
    lane->next = NULL;
    lane->previous = list->last;
    if (list->last)
        list->last->next = lane;
    else
        list->first = lane;
    list->last = lane;
}

static void s_prepend(lane_list_t *list, lane_t *lane) {
    lane->previous = NULL;
    lane->next = list->first;
    if (list->first)
        list->first->previous = lane;
    else
        list->last = lane;
    list->first = lane;
}

static void s_unlink(lane_list_t *list, lane_t *lane) {
    if (lane->previous)
        lane->previous->next = lane->next;
    else
        list->first = lane->next;
    if (lane->next)
        lane->next->previous = lane->previous;
    else
        list->last = lane->previous;
    lane->next = lane->previous = NULL;
}

void lanes_clear(lanes_t *self) {
    for (size_t i = 0; i < LANES_BUCKETS; i++)
        while (self->buckets[i]) {
            lane_t *lane = self->buckets[i];
            self->buckets[i] = lane->chain;
            free(lane);
        }
    *self = (lanes_t){.count = 0};
}

static bool s_add(lanes_t *self, const char *scope) {
    lane_t **bucket = s_bucket(self, scope);
    if (self->count == LANES_MOST)
        return false;
    lane_t *lane = calloc(1, sizeof *lane);
    assert_always(lane && strlen(scope) < sizeof lane->scope);
    memcpy(lane->scope, scope, strlen(scope) + 1);
    lane->chain = *bucket;
    *bucket = lane;
    s_append(&self->ready, lane);
    self->count++;
    return true;
}

bool lanes_offer(lanes_t *self, const char *scope) {
    lane_t *lane = s_find(self, scope);
    if (!lane)
        return s_add(self, scope);
    lane->more |= lane->state == LANE_BUSY;
    return true;
}

static void s_make_ready(lanes_t *self, lane_t *lane) {
    s_unlink(&self->waiting, lane);
    lane->state = LANE_READY;
    s_append(&self->ready, lane);
}

bool lanes_hurry(lanes_t *self, const char *scope) {
    lane_t *lane = s_find(self, scope);
    if (lane && lane->state == LANE_WAITING)
        s_make_ready(self, lane);
    return lanes_offer(self, scope);
}

lane_t *lanes_take(lanes_t *self) {
    lane_t *lane = self->ready.first;
    if (!lane)
        return NULL;
    s_unlink(&self->ready, lane);
    lane->state = LANE_BUSY;
    lane->more = false;
    return lane;
}

void lanes_put_back(lanes_t *self, lane_t *lane) {
    assert_always(lane->state == LANE_BUSY);
    lane->state = LANE_READY;
    s_prepend(&self->ready, lane);
}

void lanes_again(lanes_t *self, lane_t *lane) {
    assert_always(lane->state == LANE_BUSY);
    lane->state = LANE_READY;
    s_append(&self->ready, lane);
}

void lanes_wait(lanes_t *self, lane_t *lane, int64_t due_us) {
    assert_always(lane->state == LANE_BUSY);
    lane->state = LANE_WAITING;
    lane->due_us = due_us;
    s_append(&self->waiting, lane);
}

void lanes_finish(lanes_t *self, lane_t *lane) {
    if (lane->more) {
        lanes_again(self, lane);
        return;
    }
    assert_always(lane->state == LANE_BUSY);
    lane_t **at = s_bucket(self, lane->scope);
    while (*at != lane)
        at = &(*at)->chain;
    *at = lane->chain;
    self->count--;
    free(lane);
}

int64_t lanes_wake(lanes_t *self, int64_t now_us) {
    int64_t next_us = 0;
    for (lane_t *lane = self->waiting.first, *next; lane; lane = next) {
        next = lane->next;
        if (lane->due_us <= now_us)
            s_make_ready(self, lane);
        else if (!next_us || lane->due_us < next_us)
            next_us = lane->due_us;
    }
    return next_us;
}

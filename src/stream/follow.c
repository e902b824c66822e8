/* The subscriber's side of the stream. */
#include "stream/follow.h"

#include "base/err.h"
#include "base/ids.h"
#include <stdlib.h>
#include <string.h>

enum { TABLE_SIZE = FOLLOW_TOPICS * 2 };

typedef struct {
    char *name;
    uint64_t topic_seq, seq; /* of its last message shown */
} topic_entry_t;

struct follow_s {
    bool whole;   /* the prefix is empty */
    bool started; /* newest is known */
    uint64_t epoch;
    uint64_t newest;
    uint64_t floor; /* all of ours up to here were shown, or are no more */
    uint64_t lost;
    bool due;
    bool void_replay;      /* the replay under way was asked of another store */
    uint64_t after;        /* where the replay that is due begins */
    int quiet;             /* heartbeats since a message of ours */
    topic_entry_t *topics; /* open addressing; NULL until the first */
    size_t topic_count;
};

follow_t *follow_new(const char *prefix) {
    follow_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->whole = !*prefix;
    return self;
}

static void s_forget_topics(follow_t *self) {
    for (size_t i = 0; self->topics && i < TABLE_SIZE; i++)
        free(self->topics[i].name);
    free(self->topics);
    self->topics = NULL;
    self->topic_count = 0;
}

void follow_destroy(follow_t **self_p) {
    if (!*self_p)
        return;
    s_forget_topics(*self_p);
    free(*self_p);
    *self_p = NULL;
}

/* ---- topics ---- */

static topic_entry_t *s_slot(follow_t *self, const char *name) {
    size_t at = ids_hash64(name, strlen(name)) % TABLE_SIZE;
    while (self->topics[at].name && strcmp(self->topics[at].name, name) != 0)
        at = (at + 1) % TABLE_SIZE;
    return &self->topics[at];
}

static const topic_entry_t *s_find(follow_t *self, const char *name) {
    const topic_entry_t *entry = self->topics ? s_slot(self, name) : NULL;
    return entry && entry->name ? entry : NULL;
}

static void s_remember(follow_t *self, const char *name, const StreamHeader *header) {
    if (self->topic_count == FOLLOW_TOPICS) {
        s_forget_topics(self);
        self->floor = self->newest;
    }
    if (!self->topics) {
        self->topics = calloc(TABLE_SIZE, sizeof *self->topics);
        assert_always(self->topics);
    }
    topic_entry_t *entry = s_slot(self, name);
    if (!entry->name) {
        entry->name = strdup(name);
        assert_always(entry->name);
        self->topic_count++;
    }
    entry->topic_seq = header->topic_seq;
    entry->seq = header->seq;
}

/* ---- verdicts ---- */

static void s_want(follow_t *self, uint64_t after) {
    if (!self->due || after < self->after)
        self->after = after;
    self->due = true;
}

/* Another epoch is another store: nothing of what was seen counts. */
static void s_check_epoch(follow_t *self, uint64_t epoch) {
    if (self->epoch == epoch)
        return;
    if (self->epoch != 0) {
        s_forget_topics(self);
        self->newest = self->floor = 0;
        self->due = false;
        self->void_replay = true;
        s_want(self, 0);
    }
    self->epoch = epoch;
}

static void s_start(follow_t *self, uint64_t newest) {
    if (self->started)
        return;
    self->started = true;
    self->newest = self->floor = newest;
}

static bool s_is_seen(follow_t *self, const topic_entry_t *topic, const StreamHeader *header) {
    if (self->whole)
        return header->seq <= self->newest;
    return topic ? header->topic_seq <= topic->topic_seq : header->seq <= self->floor;
}

/* How many before it are missing. */
static uint64_t s_missing(const follow_t *self, const topic_entry_t *topic, const StreamHeader *header) {
    if (self->whole)
        return header->seq - self->newest - 1;
    return topic ? header->topic_seq - topic->topic_seq - 1 : 0;
}

static follow_verdict_t s_show(follow_t *self, const char *name, const StreamHeader *header) {
    if (!self->whole)
        s_remember(self, name, header);
    if (header->seq > self->newest)
        self->newest = header->seq;
    self->quiet = 0;
    return FOLLOW_NEW;
}

follow_verdict_t follow_live(follow_t *self, const char *name, const StreamHeader *header) {
    s_check_epoch(self, header->epoch);
    s_start(self, header->seq > 0 ? header->seq - 1 : 0);
    if (self->due)
        return FOLLOW_GAP;
    const topic_entry_t *topic = self->whole ? NULL : s_find(self, name);
    if (s_is_seen(self, topic, header))
        return FOLLOW_SEEN;
    if (s_missing(self, topic, header) == 0)
        return s_show(self, name, header);
    s_want(self, topic && topic->seq > self->floor ? topic->seq : self->whole ? self->newest : self->floor);
    return FOLLOW_GAP;
}

follow_verdict_t follow_replayed(follow_t *self, const char *name, const StreamHeader *header) {
    s_check_epoch(self, header->epoch);
    const topic_entry_t *topic = self->whole ? NULL : s_find(self, name);
    if (self->void_replay)
        return FOLLOW_SEEN;
    if (header->seq > self->after)
        self->after = header->seq;
    if (s_is_seen(self, topic, header))
        return FOLLOW_SEEN;
    self->lost += s_missing(self, topic, header);
    return s_show(self, name, header);
}

void follow_end(follow_t *self, const ReplayEnd *end) {
    s_check_epoch(self, end->epoch);
    if (end->more || self->void_replay)
        return;
    if (end->last_seq > self->newest) {
        if (self->whole)
            self->lost += end->last_seq - self->newest;
        self->newest = end->last_seq;
    }
    if (end->last_seq > self->floor)
        self->floor = end->last_seq;
    self->due = false;
}

void follow_heartbeat(follow_t *self, const StreamHeader *header, uint64_t last_seq) {
    s_check_epoch(self, header->epoch);
    s_start(self, last_seq);
    if (last_seq <= self->newest)
        return;
    if (self->whole || ++self->quiet >= FOLLOW_QUIET)
        s_want(self, self->newest);
}

void follow_reconnected(follow_t *self) {
    if (self->started)
        s_want(self, self->newest);
}

void follow_begin_after(follow_t *self, uint64_t seq) {
    self->started = true;
    self->newest = self->floor = seq;
    s_want(self, seq);
}

bool follow_due(const follow_t *self) {
    return self->due;
}

uint64_t follow_ask(follow_t *self) {
    self->void_replay = false;
    return self->after;
}

uint64_t follow_epoch(const follow_t *self) {
    return self->epoch;
}

uint64_t follow_lost(const follow_t *self) {
    return self->lost;
}

/* A hash table of prefixes. It is read by all who send, and changed only when components come and go, so that who
 * changes it may wait until nobody reads. */
#include "bus/post.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "bus/fault.h"
#include "tables.gen.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CHAINS = 256, WARN_EVERY_US = 1000000 };

typedef struct address_s {
    char *prefix;
    size_t length;
    inbox_t *inbox;
    struct address_s *next; /* in its chain; the one added last comes first */
} address_t;

typedef atomic_uint_fast64_t counter_t;

static pthread_rwlock_t s_lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static address_t *s_chains[CHAINS]; /* under the lock */
static counter_t s_delivered, s_no_subscriber, s_overloaded, s_replies_dropped, s_malformed;

static void s_count(counter_t *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

post_counts_t post_counts(void) {
    return (post_counts_t){.delivered = atomic_load(&s_delivered),
                           .no_subscriber = atomic_load(&s_no_subscriber),
                           .overloaded = atomic_load(&s_overloaded),
                           .replies_dropped = atomic_load(&s_replies_dropped),
                           .malformed = atomic_load(&s_malformed)};
}

void post_reset_counts(void) {
    counter_t *const counters[] = {&s_delivered, &s_no_subscriber, &s_overloaded, &s_replies_dropped,
                                   &s_malformed};
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        atomic_store(counters[i], 0);
}

/* ---- addresses ---- */

static address_t **s_chain(const char *prefix, size_t length) {
    return &s_chains[ids_hash64(prefix, length) % CHAINS];
}

/* Length of the first two parts of a topic, with their slashes; of less, all of it. */
static size_t s_prefix_length(const char *topic) {
    const char *slash = strchr(topic, '/');
    slash = slash ? strchr(slash + 1, '/') : NULL;
    return slash ? (size_t)(slash - topic) + 1 : strlen(topic);
}

void post_add(const char *prefix, inbox_t *inbox) {
    address_t *address = malloc(sizeof *address);
    assert_always(address);
    *address = (address_t){.prefix = strdup(prefix), .length = strlen(prefix), .inbox = inbox};
    assert_always(address->prefix);
    address_t **chain = s_chain(prefix, address->length);
    pthread_rwlock_wrlock(&s_lock);
    address->next = *chain;
    *chain = address;
    pthread_rwlock_unlock(&s_lock);
}

void post_remove(const char *prefix, inbox_t *inbox) {
    address_t **link = s_chain(prefix, strlen(prefix));
    pthread_rwlock_wrlock(&s_lock);
    while (*link && ((*link)->inbox != inbox || strcmp((*link)->prefix, prefix) != 0))
        link = &(*link)->next;
    address_t *address = *link;
    if (address)
        *link = address->next;
    pthread_rwlock_unlock(&s_lock);
    if (address)
        free(address->prefix);
    free(address);
}

/* ERR_NO_SUBSCRIBER or ERR_OVERLOADED: the frames are still the caller's. */
static err_t s_deliver(frames_t *frames) {
    const char *topic = frames_topic(frames);
    size_t length = s_prefix_length(topic);
    pthread_rwlock_rdlock(&s_lock);
    const address_t *address = *s_chain(topic, length);
    while (address && (address->length != length || memcmp(address->prefix, topic, length) != 0))
        address = address->next;
    err_t err = address ? inbox_put(address->inbox, frames) : ERR_NO_SUBSCRIBER;
    pthread_rwlock_unlock(&s_lock);
    return err;
}

/* ---- what cannot be delivered ---- */

/* What is refused in masses is logged once a second; the counters have all of it. */
static void s_warn(const char *msg, const char *topic) {
    static atomic_int_fast64_t warned_us;
    int64_t now_us = clock_mono_us(), last_us = atomic_load(&warned_us);
    if (last_us && now_us - last_us < WARN_EVERY_US)
        return;
    if (atomic_compare_exchange_strong(&warned_us, &last_us, now_us))
        log_warning(msg, LOG_STR("topic", topic));
}

static void s_drop_reply(frames_t *frames, err_t err) {
    if (err == ERR_OVERLOADED) {
        s_count(&s_replies_dropped);
        s_warn("an asker is full, its replies are dropped", frames_topic(frames));
    }
    frames_close(frames);
}

static err_t s_make_refusal(frames_t *frames, const Envelope *asked, err_t err) {
    Fault fault = Fault_init_zero;
    fault_fill(&fault, err);
    buf_t payload = BUF_INIT;
    Envelope answer = Envelope_init_zero;
    answer.message_id = ids_next();
    answer.correlation_id = asked->message_id;
    err_t made = MESSAGE_SET(answer.schema, FAULT_SCHEMA) ? OK : ERR_INTERNAL;
    if (made == OK)
        made = message_encode(Fault_message(), &fault, &payload);
    if (made == OK)
        made = frames_make(frames, asked->reply_topic, &answer, payload.data, payload.size);
    buf_free(&payload);
    message_release(Fault_message(), &fault);
    return made;
}

/* Sends a Fault to the asker of a command that cannot be delivered. */
static void s_refuse(frames_t *command, err_t err) {
    Envelope asked;
    frames_t refusal;
    if (frames_envelope(command, &asked) != OK) {
        s_count(&s_malformed);
    } else if (asked.reply_topic[0]) {
        err_t made = s_make_refusal(&refusal, &asked, err);
        if (made == OK && (made = s_deliver(&refusal)) != OK)
            s_drop_reply(&refusal, made);
        else if (made != OK)
            log_error("a refusal could not be encoded", LOG_STR("topic", frames_topic(command)));
    }
    frames_close(command);
}

void post_send(frames_t *frames) {
    bool command = frames_topic(frames)[0] == 'c';
    err_t err = s_deliver(frames);
    if (err == OK) {
        s_count(&s_delivered);
    } else if (!command) {
        s_drop_reply(frames, err);
    } else {
        s_count(err == ERR_OVERLOADED ? &s_overloaded : &s_no_subscriber);
        if (err == ERR_OVERLOADED)
            s_warn("a component is full, its commands are refused", frames_topic(frames));
        s_refuse(frames, err);
    }
}

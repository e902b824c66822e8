/* The queue in which commands and replies reach a client. */
#include "bus/inbox.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

enum { SENDERS = 4, EACH = 20000, PATIENCE_MS = 10000 };

static frames_t s_letter(int sender, int number) {
    const int content[] = {sender, number};
    frames_t frames;
    cr_assert(frames_make(&frames, "inbox/1/", &(Envelope){0}, content, sizeof content) == OK);
    return frames;
}

static void s_read(frames_t *frames, int content[2]) {
    cr_assert_eq(zmq_msg_size(&frames->payload), 2 * sizeof(int));
    memcpy(content, zmq_msg_data(&frames->payload), 2 * sizeof(int));
    frames_close(frames);
}

typedef struct {
    inbox_t *inbox;
    int number, refused;
    pthread_t thread;
} sender_t;

static void *s_send(void *argument) {
    sender_t *self = argument;
    for (int i = 0; i < EACH; i++) {
        frames_t frames = s_letter(self->number, i);
        if (inbox_put(self->inbox, &frames) != OK) {
            self->refused++;
            frames_close(&frames);
        }
    }
    return NULL;
}

/* The owner polls whenever it finds nothing: a wake-up that is lost would let it wait for ever. */
Test(inbox, brings_all_of_many_senders_in_the_order_of_each_and_wakes_its_owner, .timeout = 60) {
    inbox_t *inbox = inbox_new(SENDERS * EACH);
    cr_assert_not_null(inbox);
    sender_t senders[SENDERS];
    int next[SENDERS] = {0}, out_of_order = 0;
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (sender_t){.inbox = inbox, .number = i};
        cr_assert_eq(pthread_create(&senders[i].thread, NULL, s_send, &senders[i]), 0);
    }
    for (int received = 0; received < SENDERS * EACH;) {
        frames_t frames;
        int content[2];
        struct pollfd item = {.fd = inbox_fd(inbox), .events = POLLIN};
        if (!inbox_take(inbox, &frames)) {
            cr_assert_eq(poll(&item, 1, PATIENCE_MS), 1, "not woken after %d", received);
            continue;
        }
        s_read(&frames, content);
        out_of_order += content[1] != next[content[0]]++;
        received++;
    }
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(senders[i].thread, NULL);
        cr_expect_eq(senders[i].refused, 0);
    }
    cr_expect_eq(out_of_order, 0);
    inbox_destroy(&inbox);
    cr_expect_null(inbox);
}

Test(inbox, is_quiet_again_once_it_was_found_empty, .timeout = 10) {
    inbox_t *inbox = inbox_new(10);
    frames_t frames;
    int content[2];
    struct pollfd item = {.fd = inbox_fd(inbox), .events = POLLIN};
    cr_expect_not(inbox_take(inbox, &frames));
    for (int i = 0; i < 3; i++) {
        frames = s_letter(0, i);
        cr_assert(inbox_put(inbox, &frames) == OK);
    }
    cr_expect_eq(poll(&item, 1, 0), 1);
    for (int i = 0; i < 3; i++) {
        cr_assert(inbox_take(inbox, &frames));
        s_read(&frames, content);
        cr_expect_eq(content[1], i);
    }
    cr_expect_not(inbox_take(inbox, &frames));
    cr_expect_eq(poll(&item, 1, 0), 0);
    inbox_destroy(&inbox);
}

Test(inbox, refuses_what_is_too_much_and_keeps_what_it_has, .timeout = 10) {
    inbox_t *inbox = inbox_new(2);
    frames_t frames;
    int content[2];
    for (int i = 0; i < 3; i++) {
        frames = s_letter(0, i);
        cr_expect_eq(inbox_put(inbox, &frames), i < 2 ? OK : ERR_OVERLOADED);
    }
    s_read(&frames, content); /* it is still ours */
    cr_expect_eq(content[1], 2);
    cr_assert(inbox_take(inbox, &frames));
    s_read(&frames, content);
    cr_expect_eq(content[1], 0);
    inbox_destroy(&inbox); /* with the other one in it */
}

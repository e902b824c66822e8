// Deliberate defects. The runner starts these tests apart from the rest and demands a sanitizer report of
// each: criterion forks every test, and a leak that is reported in a fork does not fail it, so the run relies
// on the report files. If one of these leaves no file, the net has a hole.
#include <criterion/criterion.h>
#include <czmq.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

static volatile int s_shared;

static __attribute__((noinline)) void s_leak_some_memory(void) {
    char *volatile block = malloc(4321);
    block[0] = 1;
    block = NULL;
}

static void *s_write_unguarded(void *arg) {
    (void)arg;
    for (int i = 0; i < 1000; i++)
        s_shared = s_shared + 1;
    return NULL;
}

static void s_actor(zsock_t *pipe, void *arg) {
    zsock_signal(pipe, 0);
    s_write_unguarded(arg);
    zmsg_t *term = zmsg_recv(pipe);
    zmsg_destroy(&term);
}

Test(net, a_leak_is_reported, .timeout = 30) {
    for (int i = 0; i < 8; i++)
        s_leak_some_memory();
    cr_assert(true);
}

Test(net, a_use_after_free_is_reported, .timeout = 30) {
    volatile char *volatile block = malloc(16);
    free((void *)block);
    block[3] = 1;
}

Test(net, an_overflow_is_reported, .timeout = 30) {
    volatile int number = INT_MAX;
    number = number + 1;
}

Test(net, a_race_is_reported, .timeout = 30) {
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, s_write_unguarded, NULL), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

/* libczmq makes the thread of an actor: a suppression for that library must not cover what runs in it. */
Test(net, a_race_of_actors_is_reported, .timeout = 30) {
    zactor_t *one = zactor_new(s_actor, NULL), *other = zactor_new(s_actor, NULL);
    zactor_destroy(&one);
    zactor_destroy(&other);
}

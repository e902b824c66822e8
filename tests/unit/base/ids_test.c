/* UUIDv7, traceparent and hash: form, order, uniqueness across threads, spread. */
#include "base/ids.h"

#include "base/clock.h"
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

TestSuite(ids, .timeout = 20);

enum { MANY = 20000, THREADS = 4 };

Test(ids, uuid_has_version_7_variant_2_and_the_present_time) {
    char id[UUID_SIZE];
    int64_t before = clock_wall_ms();
    ids_uuid7(id);
    int64_t after = clock_wall_ms();
    cr_assert_eq(strlen(id), 36);
    cr_assert_eq(strspn(id, "0123456789abcdef-"), 36);
    cr_assert(id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-');
    cr_assert_eq(id[14], '7');
    cr_assert(strchr("89ab", id[19]));
    char hex[13] = "";
    memcpy(hex, id, 8);
    memcpy(hex + 8, id + 9, 4);
    int64_t ms = strtoll(hex, NULL, 16);
    cr_assert(ms >= before && ms <= after);
}

Test(ids, uuids_of_a_thread_rise_even_within_a_millisecond) {
    char last[UUID_SIZE] = "", id[UUID_SIZE];
    for (int i = 0; i < MANY; i++) {
        ids_uuid7(id);
        cr_assert(strcmp(last, id) < 0, "%s then %s", last, id);
        memcpy(last, id, sizeof last);
    }
}

static void *s_make(void *out) {
    for (int i = 0; i < MANY; i++)
        ids_uuid7((char *)out + (size_t)i * UUID_SIZE);
    return NULL;
}

static int s_compare(const void *a, const void *b) {
    return strcmp(a, b);
}

Test(ids, uuids_of_threads_differ) {
    char *all = malloc((size_t)THREADS * MANY * UUID_SIZE);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, s_make, all + (size_t)i * MANY * UUID_SIZE), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    qsort(all, (size_t)THREADS * MANY, UUID_SIZE, s_compare);
    for (size_t i = 1; i < (size_t)THREADS * MANY; i++)
        cr_assert(strcmp(all + (i - 1) * UUID_SIZE, all + i * UUID_SIZE) != 0);
    free(all);
}

Test(ids, next_is_never_zero_and_rises) {
    uint64_t last = ids_next();
    cr_assert(last > 0);
    for (int i = 0; i < 1000; i++) {
        uint64_t next = ids_next();
        cr_assert(next > last);
        last = next;
    }
}

Test(ids, random_bits_are_balanced) {
    int ones[64] = {0};
    for (int i = 0; i < MANY; i++) {
        uint64_t value = ids_random64();
        for (int bit = 0; bit < 64; bit++)
            ones[bit] += (int)(value >> bit & 1);
    }
    /* ten standard deviations of a fair coin: about 707 */
    for (int bit = 0; bit < 64; bit++)
        cr_assert(abs(ones[bit] - MANY / 2) < 707, "bit %d is 1 %d times", bit, ones[bit]);
}

Test(ids, traceparents_are_valid_and_differ) {
    char a[TRACEPARENT_SIZE], b[TRACEPARENT_SIZE];
    ids_traceparent(a);
    ids_traceparent(b);
    cr_assert(ids_traceparent_valid(a), "%s", a);
    cr_assert(ids_traceparent_valid(b), "%s", b);
    cr_assert(strncmp(a + 3, b + 3, 32) != 0);
    cr_assert_str_eq(a + 52, "-01");
}

Test(ids, a_child_keeps_the_trace_and_the_flags_and_has_its_own_span) {
    const char *parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    char child[TRACEPARENT_SIZE];
    ids_traceparent_child(parent, child);
    cr_assert(ids_traceparent_valid(child));
    cr_assert_eq(strncmp(child, parent, 36), 0);
    cr_assert(strncmp(child + 36, parent + 36, 16) != 0);
    cr_assert_str_eq(child + 52, "-00");
    ids_traceparent_child(child, child);
    cr_assert_eq(strncmp(child, parent, 36), 0);
}

Test(ids, a_child_of_nothing_valid_starts_a_new_trace) {
    char child[TRACEPARENT_SIZE];
    ids_traceparent_child("garbage", child);
    cr_assert(ids_traceparent_valid(child));
    ids_traceparent_child(NULL, child);
    cr_assert(ids_traceparent_valid(child));
}

Test(ids, traceparents_that_break_the_form_are_refused) {
    const char *const bad[] = {"",
                               "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
                               "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-010",
                               "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                               "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                               "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                               "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                               "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
                               "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(ids_traceparent_valid(bad[i]), "%s", bad[i]);
    cr_assert_not(ids_traceparent_valid(NULL));
}

Test(ids, hash_changes_about_half_its_bits_when_one_bit_changes) {
    unsigned char bytes[40] = {0};
    for (size_t size = 1; size <= sizeof bytes; size++) {
        long flipped = 0;
        uint64_t plain = ids_hash64(bytes, size);
        for (size_t bit = 0; bit < size * 8; bit++) {
            bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
            flipped += __builtin_popcountll(plain ^ ids_hash64(bytes, size));
            bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
        double mean = (double)flipped / (double)(size * 8);
        cr_assert(mean > 24 && mean < 40, "size %zu: %f", size, mean);
    }
}

Test(ids, hash_depends_on_the_length_and_is_the_same_everywhere) {
    char zeros[16] = {0};
    for (uint64_t size = 0; size < 16; size++)
        cr_assert(ids_hash64(zeros, size) != ids_hash64(zeros, size + 1));
    cr_assert_eq(ids_hash64("integration", 11), ids_hash64("integration", 11));
    cr_assert(ids_hash64("integration", 11) != ids_hash64("integratiom", 11));
}

/* Packed values. */
#include "cache/pack.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void s_expect_back(const void *value, size_t size, size_t compress_from, bool compressed) {
    buf_t packed = BUF_INIT, opened = BUF_INIT;
    pack_value(value, size, compress_from, &packed);
    cr_expect_eq(pack_is_compressed(packed.data, packed.size), compressed);
    cr_assert_eq(pack_open(packed.data, packed.size, 1 << 20, &opened), OK);
    cr_assert_eq(opened.size, size);
    if (size)
        cr_expect_arr_eq(opened.data, value, size);
    buf_free(&packed);
    buf_free(&opened);
}

Test(pack, gives_back_the_value_compressed_only_where_that_helps, .timeout = 10) {
    char repeated[4096], noise[4096];
    unsigned seed = 7;
    memset(repeated, 'r', sizeof repeated);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)rand_r(&seed);
    s_expect_back(repeated, sizeof repeated, 1024, true);
    s_expect_back(repeated, sizeof repeated, 4097, false);
    s_expect_back(repeated, sizeof repeated, 0, true);
    s_expect_back(noise, sizeof noise, 1024, false);
    s_expect_back("", 0, 0, false);
}

Test(pack, makes_what_repeats_much_smaller, .timeout = 10) {
    char repeated[65536];
    buf_t packed = BUF_INIT;
    memset(repeated, 'r', sizeof repeated);
    pack_value(repeated, sizeof repeated, 1, &packed);
    cr_expect_lt(packed.size, sizeof repeated / 100);
    buf_free(&packed);
}

Test(pack, refuses_what_is_no_packed_value, .timeout = 10) {
    buf_t out = BUF_INIT;
    cr_expect_eq(pack_open("", 0, 100, &out), ERR_PROTOCOL);
    cr_expect_eq(pack_open("x123", 4, 100, &out), ERR_PROTOCOL);
    cr_expect_eq(pack_open("z123", 4, 100, &out), ERR_PROTOCOL);
    cr_expect_eq(out.size, 0);
    buf_free(&out);
}

Test(pack, refuses_a_value_that_is_longer_than_allowed, .timeout = 10) {
    char repeated[4096];
    buf_t packed = BUF_INIT, out = BUF_INIT;
    memset(repeated, 'r', sizeof repeated);
    pack_value(repeated, sizeof repeated, 1, &packed);
    cr_expect_eq(pack_open(packed.data, packed.size, 4095, &out), ERR_PROTOCOL);
    cr_expect_eq(pack_open(packed.data, packed.size, 4096, &out), OK);
    buf_clear(&packed);
    pack_value("12345", 5, 100, &packed);
    cr_expect_eq(pack_open(packed.data, packed.size, 4, &out), ERR_PROTOCOL);
    buf_free(&packed);
    buf_free(&out);
}

Test(pack, refuses_a_compressed_value_that_was_cut_or_changed, .timeout = 10) {
    char repeated[4096];
    buf_t packed = BUF_INIT, out = BUF_INIT;
    for (size_t i = 0; i < sizeof repeated; i++)
        repeated[i] = (char)(i % 61);
    pack_value(repeated, sizeof repeated, 1, &packed);
    for (size_t cut = 1; cut < packed.size; cut++)
        cr_expect_eq(pack_open(packed.data, cut, sizeof repeated, &out), ERR_PROTOCOL);
    buf_free(&packed);
    buf_free(&out);
}

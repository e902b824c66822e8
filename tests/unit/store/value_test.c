/* The row codec. */
#include "store/store.h"
#include "store/value.h"

#include "tables.gen.h"
#include <criterion/criterion.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

static buf_t s_row(void) {
    buf_t out = BUF_INIT;
    const value_t real = {.kind = VALUE_DOUBLE, .real = -DBL_MIN};
    const value_t values[] = {
        VALUE_OF_INT(INT64_MIN), VALUE_OF_INT(0),           real,      value_text("\xE5\xB8\x82"),
        value_text(""),          value_blob("\0\1\xff", 3), VALUE_NONE};
    for (size_t i = 0; i < 7; i++)
        value_encode(&out, &values[i]);
    return out;
}

Test(value, a_row_reads_back_as_it_was_written, .timeout = 10) {
    buf_t row = s_row();
    value_t values[7];
    size_t count;
    cr_assert(value_count_row(row.data, row.size, &count));
    cr_assert_eq(count, 7);
    cr_assert(value_decode_row(row.data, row.size, values, 7, &count));
    cr_assert_eq(values[0].integer, INT64_MIN);
    cr_assert_eq(values[1].kind, VALUE_INT);
    cr_assert_eq(values[1].integer, 0);
    cr_assert_eq(values[2].real, -DBL_MIN);
    cr_assert_eq(values[3].size, 3);
    cr_assert_eq(values[4].kind, VALUE_TEXT);
    cr_assert_eq(values[4].size, 0);
    cr_assert_eq(memcmp(values[5].bytes, "\0\1\xff", 3), 0);
    cr_assert_eq(values[6].kind, VALUE_NULL);
    buf_free(&row);
}

Test(value, the_codec_is_the_message_StoreRow, .timeout = 10) {
    buf_t row = s_row();
    StoreRow message = StoreRow_init_zero;
    cr_assert_eq(message_decode(StoreRow_message(), row.data, row.size, &message), OK);
    cr_assert_eq(message.values_count, 7);
    cr_assert_eq(message.values[0].kind.integer, INT64_MIN);
    cr_assert_str_eq(message.values[3].kind.text, "\xE5\xB8\x82");
    cr_assert_eq(message.values[5].kind.blob->size, 3);
    cr_assert_eq(message.values[6].which_kind, Value_null_tag);
    buf_t again = BUF_INIT;
    cr_assert_eq(message_encode(StoreRow_message(), &message, &again), OK);
    cr_assert_eq(again.size, row.size);
    cr_assert_eq(memcmp(again.data, row.data, row.size), 0);
    message_release(StoreRow_message(), &message);
    buf_free(&again);
    buf_free(&row);
}

Test(value, a_row_cut_anywhere_is_refused_or_shorter, .timeout = 10) {
    buf_t row = s_row();
    for (size_t size = 0; size < row.size; size++) {
        value_t values[7];
        size_t count;
        char *exact = malloc(size ? size : 1); /* so that the sanitizer sees a read past the end */
        memcpy(exact, row.data, size);
        if (value_decode_row(exact, size, values, 7, &count))
            cr_assert_lt(count, 7);
        free(exact);
    }
    buf_free(&row);
}

Test(value, a_row_with_more_values_than_room_is_refused, .timeout = 10) {
    buf_t row = s_row();
    value_t values[6];
    size_t count;
    cr_assert(!value_decode_row(row.data, row.size, values, 6, &count));
    buf_free(&row);
}

Test(store_row, reads_by_column_with_text_ended_by_NUL, .timeout = 10) {
    buf_t bytes = s_row();
    pb_bytes_array_t *encoded = message_bytes(bytes.data, bytes.size);
    store_row_t *row = store_row_new(encoded);
    size_t size;
    cr_assert_eq(store_row_columns(row), 7);
    cr_assert_eq(store_row_int(row, 0), INT64_MIN);
    cr_assert_eq(store_row_double(row, 1), 0);
    cr_assert_str_eq(store_row_text(row, 3), "\xE5\xB8\x82");
    cr_assert_str_eq(store_row_text(row, 4), "");
    cr_assert_eq(((const char *)store_row_blob(row, 5, &size))[1], 1);
    cr_assert_eq(size, 3);
    cr_assert(store_row_is_null(row, 6));
    cr_assert_null(store_row_text(row, 6));
    store_row_destroy(&row);
    encoded->bytes[0] = 0x55;
    cr_assert_null(store_row_new(encoded));
    free(encoded);
    buf_free(&bytes);
}

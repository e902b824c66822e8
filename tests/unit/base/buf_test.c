/* The growing buffer: contents, the NUL past the end, handing over. */
#include "base/buf.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(buf, .timeout = 10);

Test(buf, an_empty_buffer_reads_as_the_empty_string) {
    buf_t buf = BUF_INIT;
    cr_assert_str_eq(buf_str(&buf), "");
    buf_reserve(&buf, 10);
    cr_assert_str_eq(buf_str(&buf), "");
    buf_free(&buf);
    cr_assert_null(buf.data);
}

Test(buf, what_is_appended_stands_in_order_and_ends_with_nul) {
    buf_t buf = BUF_INIT;
    for (int i = 0; i < 10000; i++) {
        buf_append_char(&buf, (char)('a' + i % 26));
        cr_assert_eq(buf.data[buf.size], '\0');
    }
    cr_assert_eq(buf.size, 10000);
    for (int i = 0; i < 10000; i++)
        cr_assert_eq(buf.data[i], 'a' + i % 26);
    buf_free(&buf);
}

Test(buf, bytes_may_hold_nul) {
    buf_t buf = BUF_INIT;
    buf_append(&buf, "a\0b", 3);
    buf_append(&buf, NULL, 0);
    cr_assert_eq(buf.size, 3);
    cr_assert_eq(memcmp(buf.data, "a\0b", 4), 0);
    buf_free(&buf);
}

Test(buf, printf_of_any_length_is_whole) {
    char text[3000];
    memset(text, 'x', sizeof text);
    for (size_t length = 0; length < sizeof text; length += 7) {
        buf_t buf = BUF_INIT;
        buf_append_str(&buf, "<");
        buf_printf(&buf, "%.*s|%d", (int)length, text, 42);
        cr_assert_eq(buf.size, length + 4);
        cr_assert_str_eq(buf.data + 1 + length, "|42");
        buf_free(&buf);
    }
}

Test(buf, clear_keeps_the_memory) {
    buf_t buf = BUF_INIT;
    buf_append_str(&buf, "something");
    size_t capacity = buf.capacity;
    buf_clear(&buf);
    cr_assert_str_eq(buf_str(&buf), "");
    cr_assert_eq(buf.capacity, capacity);
    buf_free(&buf);
}

Test(buf, steal_hands_over_and_never_gives_null) {
    buf_t buf = BUF_INIT;
    char *empty = buf_steal(&buf);
    cr_assert_str_eq(empty, "");
    buf_append_str(&buf, "mine");
    char *text = buf_steal(&buf);
    cr_assert_str_eq(text, "mine");
    cr_assert_eq(buf.size, 0);
    cr_assert_null(buf.data);
    free(empty);
    free(text);
}

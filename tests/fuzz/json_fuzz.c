/* Fuzz target: the JSON reader over any bytes. What it takes must compact to the same value, and its
 * strings must come back from the writer.
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined ... tests/fuzz/json_fuzz.c src/base/json*.c src/base/buf.c */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void s_check_string(const json_reader_t *reader) {
    char *plain = malloc(reader->length + 1);
    assert_always(plain);
    size_t length = json_unescape(reader->text, reader->length, plain);
    assert_always(length <= reader->length && json_utf8_valid(plain, length));
    buf_t written = BUF_INIT;
    json_write_string(&written, plain, length);
    json_reader_t again;
    json_reader_init(&again, written.data, written.size);
    assert_always(json_next(&again) == JSON_EVENT_STRING);
    char *back = malloc(again.length + 1);
    assert_always(back);
    size_t back_length = json_unescape(again.text, again.length, back);
    assert_always(back_length == length && memcmp(back, plain, length) == 0);
    free(back);
    buf_free(&written);
    free(plain);
}

static void s_check_number(const json_reader_t *reader) {
    double value, back;
    if (!json_read_number(reader->text, reader->length, &value))
        return;
    buf_t written = BUF_INIT;
    json_write_double(&written, value);
    assert_always(json_read_number(written.data, written.size, &back) && back == value);
    buf_free(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    json_reader_t reader;
    json_reader_init(&reader, text, size);
    json_event_t event;
    while ((event = json_next(&reader)) != JSON_END && event != JSON_ERROR) {
        if (event == JSON_EVENT_STRING || event == JSON_KEY)
            s_check_string(&reader);
        if (event == JSON_NUMBER)
            s_check_number(&reader);
    }
    assert_always(json_valid(text, size, NULL) == (event == JSON_END));
    if (event == JSON_END) {
        char *compact = malloc(size + 1);
        assert_always(compact);
        assert_always(json_valid(compact, json_compact(text, size, compact), NULL));
        free(compact);
    }
    return 0;
}

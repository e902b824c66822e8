/* Fuzz target: any bytes as JSON and as wire format of any message. The first two bytes choose the message;
 * what is taken must come back the same from the other format.
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -DPB_FIELD_32BIT=1 ... with src/message, src/base and the
 *   generated tables */
#include "base/json.h"
#include "message/json_codec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void s_check_json_output(const message_t *message, const void *value) {
    buf_t json = BUF_INIT;
    json_encode(message, value, &json);
    assert_always(json_valid(json.data, json.size, NULL));
    buf_free(&json);
}

static void s_try_json(const message_t *message, const char *text, size_t size) {
    void *value = message_new(message), *back = message_new(message);
    problems_t problems = PROBLEMS_INIT;
    err_t err = json_decode(message, text, size, value, &problems);
    assert_always((err == OK) == (problems.found == 0));
    s_check_json_output(message, value);
    if (err == OK) {
        buf_t wire = BUF_INIT;
        assert_always(message_encode(message, value, &wire) == OK);
        assert_always(message_decode(message, wire.data, wire.size, back) == OK);
        buf_free(&wire);
    }
    problems_free(&problems);
    message_free(message, &value);
    message_free(message, &back);
}

static void s_try_wire(const message_t *message, const char *bytes, size_t size) {
    void *value = message_new(message), *copy = message_new(message);
    if (message_decode(message, bytes, size, value) == OK) {
        buf_t one = BUF_INIT, two = BUF_INIT;
        assert_always(message_copy(message, copy, value) == OK);
        assert_always(message_encode(message, value, &one) == OK &&
                      message_encode(message, copy, &two) == OK);
        assert_always(one.size == two.size && memcmp(one.data, two.data, one.size) == 0);
        s_check_json_output(message, value);
        buf_free(&one);
        buf_free(&two);
    }
    message_free(message, &value);
    message_free(message, &copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    const message_t *message = messages_all[(data[0] | data[1] << 8) % messages_count];
    s_try_json(message, (const char *)data + 2, size - 2);
    s_try_wire(message, (const char *)data + 2, size - 2);
    return 0;
}

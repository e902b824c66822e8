/* Log lines as they reach the file and stderr: fields, context, levels, reopening, threads. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(log, .timeout = 20);

static char s_dir[] = "/tmp/log-test-XXXXXX";
static char s_path[64];

static void s_setup(log_level_t level, bool text) {
    cr_assert_not_null(mkdtemp(s_dir));
    snprintf(s_path, sizeof s_path, "%s/service.log", s_dir);
    int quiet = open("/dev/null", O_WRONLY);
    dup2(quiet, STDERR_FILENO);
    close(quiet);
    cr_assert_eq(log_open(level, s_path, text), OK);
}

static buf_t s_read(const char *path) {
    buf_t out = BUF_INIT;
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file);
    char part[4096];
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;)
        buf_append(&out, part, got);
    fclose(file);
    return out;
}

static void s_teardown(void) {
    log_close();
    unlink(s_path);
    rmdir(s_dir);
}

static bool s_is_json(const char *text, size_t length) {
    json_reader_t reader;
    json_reader_init(&reader, text, length);
    json_event_t event;
    do
        event = json_next(&reader);
    while (event != JSON_END && event != JSON_ERROR);
    return event == JSON_END;
}

static size_t s_count_json_lines(const buf_t *text) {
    size_t count = 0;
    for (const char *line = buf_str(text); *line; count++) {
        const char *end = strchr(line, '\n');
        cr_assert_not_null(end, "a cut line: %s", line);
        cr_assert(s_is_json(line, (size_t)(end - line)), "not JSON: %.*s", (int)(end - line), line);
        line = end + 1;
    }
    return count;
}

Test(log, a_line_is_one_json_object_with_its_fields) {
    s_setup(LOG_INFO, false);
    log_set_component("signals");
    log_set_request("req-1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    log_info("signal \"routed\"", LOG_STR("symbol", "600519"), LOG_INT("seq", -7), LOG_NUM("score", 0.5),
             LOG_BOOL("durable", true), LOG_STR("none", NULL), LOG_ERRT(ERR_OVERLOADED));
    buf_t text = s_read(s_path);
    cr_assert_eq(s_count_json_lines(&text), 1);
    int64_t ms;
    cr_assert_eq(strncmp(text.data, "{\"ts\":\"", 7), 0);
    cr_assert(clock_parse_ms(text.data + 7, 24, &ms));
    cr_assert_str_eq(text.data + 31,
                     "\",\"level\":\"INFO\",\"component\":\"signals\",\"msg\":\"signal \\\"routed\\\"\","
                     "\"request_id\":\"req-1\",\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\","
                     "\"symbol\":\"600519\",\"seq\":-7,\"score\":0.5,\"durable\":true,"
                     "\"none\":null,\"error_code\":\"OVERLOADED\"}\n");
    buf_free(&text);
    s_teardown();
}

Test(log, a_cleared_or_invalid_context_is_null) {
    s_setup(LOG_INFO, false);
    log_set_request("req-1", "not a traceparent");
    log_set_request(NULL, NULL);
    log_info("plain");
    buf_t text = s_read(s_path);
    cr_assert_not_null(
        strstr(text.data, "\"component\":\"main\",\"msg\":\"plain\",\"request_id\":null,\"trace_id\":null}"));
    buf_free(&text);
    s_teardown();
}

Test(log, a_line_about_another_request_leaves_the_one_at_hand) {
    s_setup(LOG_INFO, false);
    log_set_request("at-hand", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    log_request_t before = log_switch_request("other", NULL);
    log_info("first");
    log_switch_back(&before);
    log_info("second");
    buf_t text = s_read(s_path);
    cr_expect(strstr(text.data, "\"first\",\"request_id\":\"other\",\"trace_id\":null"), "%s", text.data);
    cr_expect(strstr(text.data, "\"second\",\"request_id\":\"at-hand\",\"trace_id\":\"0af7"), "%s",
              text.data);
    buf_free(&text);
    s_teardown();
}

Test(log, lines_below_the_level_are_not_written) {
    s_setup(LOG_WARNING, false);
    log_info("quiet");
    log_error("loud");
    log_set_level(LOG_DEBUG);
    log_debug("now");
    buf_t text = s_read(s_path);
    cr_assert_eq(s_count_json_lines(&text), 2);
    cr_assert_null(strstr(text.data, "quiet"));
    cr_assert_not_null(strstr(text.data, "now"));
    buf_free(&text);
    s_teardown();
}

Test(log, a_line_has_no_limit_and_no_way_to_fake_another) {
    s_setup(LOG_INFO, false);
    buf_t big = BUF_INIT;
    for (int i = 0; i < 200000; i++)
        buf_append_char(&big, i % 100 ? 'x' : '\n');
    log_info(big.data, LOG_STR("key", "a\"}\n{\"b"));
    buf_t text = s_read(s_path);
    cr_assert(text.size > big.size);
    cr_assert_eq(s_count_json_lines(&text), 1);
    buf_free(&text);
    buf_free(&big);
    s_teardown();
}

Test(log, reopen_follows_a_rotation) {
    s_setup(LOG_INFO, false);
    char rotated[80];
    snprintf(rotated, sizeof rotated, "%s.1", s_path);
    log_info("before");
    cr_assert_eq(rename(s_path, rotated), 0);
    log_info("still the old file");
    cr_assert_eq(log_reopen(), OK);
    log_info("after");
    buf_t old = s_read(rotated), fresh = s_read(s_path);
    cr_assert_eq(s_count_json_lines(&old), 2);
    cr_assert_eq(s_count_json_lines(&fresh), 1);
    cr_assert_not_null(strstr(fresh.data, "after"));
    buf_free(&old);
    buf_free(&fresh);
    unlink(rotated);
    s_teardown();
}

Test(log, a_file_that_cannot_be_opened_is_an_error_and_reopening_keeps_the_old_one) {
    cr_assert_eq(log_open(LOG_INFO, "/nonexistent/dir/service.log", false), ERR_IO);
    cr_assert_eq(errno, ENOENT);
    s_setup(LOG_INFO, false);
    char moved[80];
    snprintf(moved, sizeof moved, "%s-moved", s_dir);
    cr_assert_eq(rename(s_dir, moved), 0);
    cr_assert_eq(log_reopen(), ERR_IO);
    log_info("kept");
    cr_assert_eq(rename(moved, s_dir), 0);
    buf_t text = s_read(s_path);
    cr_assert_eq(s_count_json_lines(&text), 1);
    buf_free(&text);
    s_teardown();
}

enum { WRITERS = 4, LINES = 500 };

static void *s_write_many(void *name) {
    log_set_component(name);
    for (int i = 0; i < LINES; i++)
        log_info("concurrent", LOG_INT("i", i),
                 LOG_STR("padding", "0123456789012345678901234567890123456789"));
    return NULL;
}

Test(log, lines_of_threads_never_mix_even_across_reopening) {
    s_setup(LOG_INFO, false);
    char names[WRITERS][16];
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        snprintf(names[i], sizeof names[i], "w%d", i);
        cr_assert_eq(pthread_create(&threads[i], NULL, s_write_many, names[i]), 0);
    }
    for (int i = 0; i < 50; i++)
        cr_assert_eq(log_reopen(), OK);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    buf_t text = s_read(s_path);
    cr_assert_eq(s_count_json_lines(&text), WRITERS * LINES);
    buf_free(&text);
    s_teardown();
}

/* What one call writes to stderr. */
static buf_t s_stderr_of(void (*fn)(void)) {
    char path[] = "/tmp/log-test-stderr-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    dup2(fd, STDERR_FILENO);
    close(fd);
    fn();
    buf_t text = s_read(path);
    unlink(path);
    return text;
}

static void s_log_text(void) {
    log_error("went wrong", LOG_STR("path", "/tmp/x"), LOG_STR("reason", "two words\x1b[0m"));
}

Test(log, text_mode_is_coloured_on_stderr_while_the_file_stays_json) {
    s_setup(LOG_INFO, true);
    buf_t text = s_stderr_of(s_log_text);
    cr_assert_not_null(strstr(text.data, "\x1b[31mERROR"));
    cr_assert_not_null(strstr(text.data, "went wrong"));
    cr_assert_not_null(strstr(text.data, "/tmp/x"));
    cr_assert_not_null(strstr(text.data, "\"two words\\u001b[0m\""));
    buf_t file = s_read(s_path);
    cr_assert_eq(s_count_json_lines(&file), 1);
    buf_free(&text);
    buf_free(&file);
    s_teardown();
}

Test(log, without_a_file_lines_go_to_stderr_as_json) {
    cr_assert_eq(log_open(LOG_INFO, NULL, false), OK);
    cr_assert_eq(log_reopen(), OK);
    buf_t text = s_stderr_of(s_log_text);
    cr_assert_eq(s_count_json_lines(&text), 1);
    buf_free(&text);
}

Test(log, logging_keeps_errno) {
    s_setup(LOG_INFO, false);
    close(STDERR_FILENO);
    errno = EINTR;
    log_info("stderr is closed");
    cr_assert_eq(errno, EINTR);
    s_teardown();
}

Test(log, level_names_are_read_in_any_case) {
    log_level_t level;
    cr_assert(log_level_parse("warning", &level));
    cr_assert_eq(level, LOG_WARNING);
    cr_assert(log_level_parse("CRITICAL", &level));
    cr_assert_eq(level, LOG_CRITICAL);
    cr_assert_not(log_level_parse("verbose", &level));
    cr_assert_not(log_level_parse("", &level));
}

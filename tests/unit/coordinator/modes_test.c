/* The list of modes in force, one a scope, and their rows. */
#include "coordinator/modes.h"

#include "message/message.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static Mode s_mode(const char *word, const char *symbol) {
    Mode mode = Mode_init_zero;
    MESSAGE_PUT(mode.mode, word);
    MESSAGE_PUT(mode.set_by, "risk");
    mode.reason = (char *)"a reason";
    mode.has_since = true;
    mode.since = 1700000000000;
    if (symbol) {
        mode.has_scope = mode.scope.has_symbol = true;
        MESSAGE_PUT(mode.scope.symbol, symbol);
    }
    return mode;
}

static void s_put(SystemState *state, const char *word, const char *symbol) {
    Mode mode = s_mode(word, symbol);
    modes_put(state, &mode);
}

TestSuite(coordinator_modes, .timeout = 10);

Test(coordinator_modes, a_scope_names_exactly_one_thing) {
    ModeScope none = {0}, one = {.has_target = true}, two = {.has_target = true, .has_symbol = true};
    cr_expect_not(modes_scope_is_valid(&none));
    cr_expect(modes_scope_is_valid(&one));
    cr_expect_not(modes_scope_is_valid(&two));
}

Test(coordinator_modes, each_kind_of_scope_has_its_name) {
    char name[MODES_SCOPE_SIZE];
    modes_scope_name(NULL, name);
    cr_expect_str_eq(name, "all");
    modes_scope_name(&(ModeScope){.has_source = true, .source = "x.y"}, name);
    cr_expect_str_eq(name, "source.x.y");
    modes_scope_name(&(ModeScope){.has_target = true, .target = "execution"}, name);
    cr_expect_str_eq(name, "target.execution");
    modes_scope_name(&(ModeScope){.has_symbol = true, .symbol = "600519.SH"}, name);
    cr_expect_str_eq(name, "symbol.600519.SH");
}

Test(coordinator_modes, the_longest_name_fits) {
    ModeScope scope = {.has_source = true};
    char name[MODES_SCOPE_SIZE];
    memset(scope.source, 's', 64);
    modes_scope_name(&scope, name);
    cr_expect_eq(strlen(name), strlen("source.") + 64);
}

Test(coordinator_modes, a_mode_replaces_the_one_of_its_scope_and_leaves_the_others) {
    SystemState state = SystemState_init_zero;
    ModeScope maotai = {.has_symbol = true, .symbol = "600519.SH"};
    s_put(&state, "halted", "600519.SH");
    s_put(&state, "halted", "000001.SZ");
    s_put(&state, "reducing", "600519.SH");
    cr_expect_eq(state.modes_count, 2);
    cr_expect_str_eq(modes_word(&state, &maotai), "reducing");
    cr_expect_str_eq(modes_word(&state, NULL), "active");
    message_release(SystemState_message(), &state);
}

Test(coordinator_modes, the_one_without_a_scope_stands_first) {
    SystemState state = SystemState_init_zero;
    s_put(&state, "halted", "600519.SH");
    s_put(&state, "reducing", NULL);
    cr_assert_eq(state.modes_count, 2);
    cr_expect_not(state.modes[0].has_scope);
    cr_expect_str_eq(modes_word(&state, NULL), "reducing");
    message_release(SystemState_message(), &state);
}

Test(coordinator_modes, active_lifts_the_mode_of_its_scope_only) {
    SystemState state = SystemState_init_zero;
    s_put(&state, "halted", NULL);
    s_put(&state, "halted", "600519.SH");
    s_put(&state, "active", NULL);
    cr_assert_eq(state.modes_count, 1);
    cr_expect(state.modes[0].has_scope);
    s_put(&state, "active", "000001.SZ");
    cr_expect_eq(state.modes_count, 1);
    s_put(&state, "active", "600519.SH");
    cr_expect_eq(state.modes_count, 0);
    message_release(SystemState_message(), &state);
}

Test(coordinator_modes, a_row_reads_back_as_it_was_written) {
    Mode mode = s_mode("halted", "600519.SH"), read = Mode_init_zero;
    char *text = modes_to_text(&mode);
    cr_assert_eq(modes_from_text(text, &read), OK);
    cr_expect_str_eq(read.mode, "halted");
    cr_expect_str_eq(read.set_by, "risk");
    cr_expect_str_eq(read.reason, "a reason");
    cr_expect(read.has_since && read.since == 1700000000000);
    cr_expect(read.has_scope && read.scope.has_symbol && !read.scope.has_source && !read.scope.has_target);
    cr_expect_str_eq(read.scope.symbol, "600519.SH");
    message_release(Mode_message(), &read);
    free(text);
}

Test(coordinator_modes, a_broken_row_is_refused) {
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"mode\":\"active\"}",
        "{\"mode\":\"stop\"}",
        "{\"mode\":7}",
        "{\"mode\":\"halted\",\"symbol\":1}",
        "{\"mode\":\"halted\",\"symbol\":\"A\",\"target\":\"b\"}",
        "{\"mode\":\"halted\",\"symbol\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        Mode mode = Mode_init_zero;
        cr_expect_eq(modes_from_text(texts[i], &mode), ERR_PROTOCOL, "%s", texts[i]);
        cr_expect_null(mode.reason);
    }
}

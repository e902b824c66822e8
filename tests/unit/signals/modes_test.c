/* Which signals pass in which mode. */
#include "signals/modes.h"

#include "sample.h"
#include <criterion/criterion.h>

TestSuite(modes, .timeout = 10);

static Signal s_signal(const char *symbol, const char *side) {
    Signal signal = Signal_init_zero;
    MESSAGE_PUT(signal.source, "macro");
    MESSAGE_PUT(signal.target, "portfolio");
    if (symbol)
        SAMPLE_SET(&signal, symbol, symbol);
    if (side)
        SAMPLE_SET(&signal, side, side);
    return signal;
}

static Mode s_mode(const char *word) {
    Mode mode = Mode_init_zero;
    MESSAGE_PUT(mode.mode, word);
    return mode;
}

static err_t s_check(bool running, Mode *modes, size_t count, const Signal *signal) {
    modes_t self = {0};
    SystemState state = {.is_running = running, .modes = modes, .modes_count = (pb_size_t)count};
    const Mode *mode;
    modes_apply(&self, &state);
    err_t err = modes_check(&self, signal, &mode);
    cr_assert_eq(mode != NULL, err == ERR_TRADING_HALTED || err == ERR_TRADING_REDUCING);
    modes_free(&self);
    return err;
}

Test(modes, nothing_passes_before_the_state_is_known) {
    modes_t self = {0};
    Signal signal = s_signal(NULL, NULL);
    const Mode *mode;
    cr_assert_eq(modes_check(&self, &signal, &mode), ERR_STORE_UNAVAILABLE);
}

Test(modes, a_stopped_system_refuses_all_a_running_one_none) {
    Signal signal = s_signal("AAPL", "sell");
    cr_assert_eq(s_check(false, NULL, 0, &signal), ERR_SYSTEM_STOPPED);
    cr_assert_eq(s_check(true, NULL, 0, &signal), OK);
}

Test(modes, halted_without_a_scope_refuses_all) {
    Mode halted = s_mode("halted");
    Signal signal = s_signal("AAPL", "sell");
    cr_assert_eq(s_check(true, &halted, 1, &signal), ERR_TRADING_HALTED);
}

Test(modes, reducing_admits_sell_and_hold_only) {
    Mode reducing = s_mode("reducing");
    Signal sell = s_signal("AAPL", "sell"), hold = s_signal("AAPL", "hold"), buy = s_signal("AAPL", "buy"),
           none = s_signal("AAPL", NULL);
    cr_assert_eq(s_check(true, &reducing, 1, &sell), OK);
    cr_assert_eq(s_check(true, &reducing, 1, &hold), OK);
    cr_assert_eq(s_check(true, &reducing, 1, &buy), ERR_TRADING_REDUCING);
    cr_assert_eq(s_check(true, &reducing, 1, &none), ERR_TRADING_REDUCING);
}

Test(modes, a_scope_holds_for_what_it_names) {
    Mode halted[3] = {s_mode("halted"), s_mode("halted"), s_mode("halted")};
    for (int i = 0; i < 3; i++)
        halted[i].has_scope = true;
    SAMPLE_SET(&halted[0].scope, symbol, "AAPL");
    SAMPLE_SET(&halted[1].scope, source, "tactical");
    SAMPLE_SET(&halted[2].scope, target, "execution");
    Signal in = s_signal("AAPL", NULL), out = s_signal("MSFT", NULL), bare = s_signal(NULL, NULL);
    cr_assert_eq(s_check(true, halted, 3, &in), ERR_TRADING_HALTED);
    cr_assert_eq(s_check(true, halted, 3, &out), OK);
    cr_assert_eq(s_check(true, halted, 3, &bare), OK);
    MESSAGE_PUT(out.source, "tactical");
    cr_assert_eq(s_check(true, halted, 3, &out), ERR_TRADING_HALTED);
    MESSAGE_PUT(bare.target, "execution");
    cr_assert_eq(s_check(true, halted, 3, &bare), ERR_TRADING_HALTED);
}

Test(modes, a_halted_symbol_is_halted_too_where_data_names_it_among_others) {
    Mode halted = s_mode("halted");
    halted.has_scope = true;
    SAMPLE_SET(&halted.scope, symbol, "AAPL");
    Signal basket = s_signal(NULL, NULL);
    basket.data = (char *)"{\"symbols\":[\"MSFT\",\"AAPL\"]}";
    cr_assert_eq(s_check(true, &halted, 1, &basket), ERR_TRADING_HALTED);
    basket.data = (char *)"{\"symbols\":[\"MSFT\",\"AAPL.O\"]}";
    cr_assert_eq(s_check(true, &halted, 1, &basket), OK);
    Signal other = s_signal("MSFT", NULL); /* its symbol is what it is about */
    other.data = (char *)"{\"symbols\":[\"AAPL\"]}";
    cr_assert_eq(s_check(true, &halted, 1, &other), OK);
}

Test(modes, the_strictest_of_several_decides) {
    Mode modes[2] = {s_mode("reducing"), s_mode("halted")};
    modes[1].has_scope = true;
    SAMPLE_SET(&modes[1].scope, symbol, "AAPL");
    Signal halted = s_signal("AAPL", "buy"), reduced = s_signal("MSFT", "buy");
    cr_assert_eq(s_check(true, modes, 2, &halted), ERR_TRADING_HALTED);
    cr_assert_eq(s_check(true, modes, 2, &reduced), ERR_TRADING_REDUCING);
}

Test(modes, a_new_state_replaces_the_old_one) {
    modes_t self = {0};
    Mode halted = s_mode("halted");
    SystemState first = {.is_running = true, .modes = &halted, .modes_count = 1},
                second = {.is_running = true};
    Signal signal = s_signal(NULL, NULL);
    const Mode *mode;
    modes_apply(&self, &first);
    modes_apply(&self, &second);
    cr_assert_eq(modes_check(&self, &signal, &mode), OK);
    modes_free(&self);
}

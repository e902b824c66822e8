/* The error table: names, statuses, and the way back from a name. */
#include "base/err.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

TestSuite(err, .timeout = 10);

Test(err, name_is_the_code_without_its_prefix) {
    cr_assert_str_eq(err_name(OK), "OK");
    cr_assert_str_eq(err_name(ERR_VALIDATION_FAILED), "VALIDATION_FAILED");
    cr_assert_str_eq(err_name(ERR_SCHEMA_NEWER), "SCHEMA_NEWER");
}

Test(err, every_code_comes_back_from_its_name_and_has_a_text_and_an_error_status) {
    for (int i = ERR_PENDING + 1; i < ERR_COUNT; i++) {
        cr_assert_eq(err_from_name(err_name((err_t)i)), i, "%s", err_name((err_t)i));
        cr_assert(strlen(err_text((err_t)i)) > 0);
        cr_assert(err_http_status((err_t)i) >= 400 && err_http_status((err_t)i) < 600);
    }
}

Test(err, unknown_codes_and_names_are_internal_errors) {
    cr_assert_str_eq(err_name((err_t)9999), "INTERNAL");
    cr_assert_eq(err_http_status((err_t)-1), 500);
    cr_assert_eq(err_from_name("NO_SUCH_NAME"), ERR_INTERNAL);
    cr_assert_eq(err_from_name(NULL), ERR_INTERNAL);
}

Test(err, status_and_retryable_are_those_of_the_contract) {
    cr_assert_eq(err_http_status(OK), 200);
    cr_assert_eq(err_http_status(ERR_TASK_NOT_FOUND), 404);
    cr_assert_eq(err_http_status(ERR_SIGNAL_EXPIRED), 422);
    cr_assert_eq(err_http_status(ERR_DEADLINE_EXCEEDED), 504);
    cr_assert(err_is_retryable(ERR_OVERLOADED));
    cr_assert_not(err_is_retryable(ERR_SIGNAL_ID_REUSED));
}

Test(err, a_broken_invariant_ends_the_process, .signal = SIGABRT) {
    assert_always(1 + 1 == 3);
}

/* A component's metrics by name. */
#include "actor/metrics.h"

#include "message/message.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <stdio.h>

Test(metrics, keep_one_value_a_name_whatever_the_pointer, .timeout = 10) {
    metrics_t metrics = {0};
    char copy[] = "hits_total";
    *metrics_at(&metrics, "hits_total", "Hits.", true) += 2;
    *metrics_at(&metrics, copy, "Hits.", true) += 3;
    *metrics_at(&metrics, "size", "Size.", false) = 9;
    cr_expect_eq(metrics.count, 2);
    ComponentStatus status = ComponentStatus_init_zero;
    metrics_describe(&metrics, &status);
    cr_assert_eq(status.metrics_count, 2);
    cr_expect_str_eq(status.metrics[0].name, "hits_total");
    cr_expect_str_eq(status.metrics[0].kind, "counter");
    cr_expect_str_eq(status.metrics[0].help, "Hits.");
    cr_expect_eq(status.metrics[0].value, 5);
    cr_expect_str_eq(status.metrics[1].kind, "gauge");
    cr_expect_eq(status.metrics[1].value, 9);
    message_release(ComponentStatus_message(), &status);
    metrics_free(&metrics);
}

Test(metrics, grow_past_the_first_few, .timeout = 10) {
    enum { NAMES = 100 };
    static char names[NAMES][16];
    metrics_t metrics = {0};
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < NAMES; i++) {
            snprintf(names[i], sizeof names[i], "m%d", i);
            *metrics_at(&metrics, names[i], "", true) += i;
        }
    }
    cr_expect_eq(metrics.count, NAMES);
    for (int i = 0; i < NAMES; i++)
        cr_expect_eq(metrics.items[i].value, 2 * i);
    metrics_free(&metrics);
}

#include "base/host.h"

#include <criterion/criterion.h>

#define CPU_TEXT "cpu  100 20 30 800 40 1 2 7 5 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n"

Test(host, processor_time_is_what_is_neither_idle_nor_waiting, .timeout = 10) {
    host_cpu_t cpu;
    cr_assert(host_parse_cpu(CPU_TEXT, &cpu));
    cr_expect_eq(cpu.total, 1000);
    cr_expect_eq(cpu.busy, 160);
}

Test(host, a_short_line_of_an_old_kernel_is_read, .timeout = 10) {
    host_cpu_t cpu;
    cr_assert(host_parse_cpu("cpu 1 2 3 4\n", &cpu));
    cr_expect_eq(cpu.total, 10);
    cr_expect_eq(cpu.busy, 6);
}

Test(host, a_text_that_is_none_is_refused, .timeout = 10) {
    host_cpu_t cpu;
    uint64_t total, used;
    cr_expect_not(host_parse_cpu("", &cpu));
    cr_expect_not(host_parse_cpu("cpu 1 2", &cpu));
    cr_expect_not(host_parse_cpu("cpu 0 0 0 0", &cpu));
    cr_expect_not(host_parse_memory("MemTotal: 10 kB\n", &total, &used));
    cr_expect_not(host_parse_memory("MemTotal: 10 kB\nMemAvailable: 11 kB\n", &total, &used));
}

Test(host, usage_is_the_busy_share_between_two_readings, .timeout = 10) {
    host_cpu_t before = {.busy = 100, .total = 1000}, after = {.busy = 150, .total = 1200};
    double usage = -1;
    cr_assert(host_cpu_usage(&before, &after, &usage));
    cr_expect_float_eq(usage, 0.25, 1e-12);
}

Test(host, usage_is_not_known_from_one_reading_or_from_counters_that_went_back, .timeout = 10) {
    host_cpu_t none = {0}, early = {100, 1000}, later = {90, 1100}, impossible = {300, 1100};
    double usage;
    cr_expect_not(host_cpu_usage(&none, &early, &usage));
    cr_expect_not(host_cpu_usage(&early, &early, &usage));
    cr_expect_not(host_cpu_usage(&early, &later, &usage));
    cr_expect_not(host_cpu_usage(&early, &impossible, &usage));
}

Test(host, used_memory_is_what_is_not_available, .timeout = 10) {
    uint64_t total, used;
    cr_assert(host_parse_memory("MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    400 kB\n", &total,
                                &used));
    cr_expect_eq(total, 1000 * 1024);
    cr_expect_eq(used, 600 * 1024);
}

Test(host, this_machine_tells_all_its_figures, .timeout = 10) {
    host_t host;
    host_read("/tmp", &host);
    cr_expect_geq(host.cpu_count, 1);
    cr_expect(host.cpu.total > 0 && host.cpu.busy <= host.cpu.total);
    cr_expect(host.has_memory && host.memory_used_bytes <= host.memory_total_bytes);
    cr_expect(host.has_disk && host.disk_free_bytes <= host.disk_total_bytes && host.disk_total_bytes > 0);
}

Test(host, a_directory_that_is_not_there_has_no_disk_figures, .timeout = 10) {
    host_t host;
    host_read("/nowhere/at/all", &host);
    cr_expect_not(host.has_disk);
    host_read(NULL, &host);
    cr_expect_not(host.has_disk);
}

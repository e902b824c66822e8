/* Figures of the machine: processors, memory, the file system of a directory. Any thread.
 *
 * Of the machine, not of a container: /proc shows the host's processors and memory whatever cgroup reads it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Processor time of all processors since the machine started, in clock ticks. */
typedef struct {
    uint64_t busy, total; /* total 0 = not known */
} host_cpu_t;

typedef struct {
    uint32_t cpu_count; /* processors that this process may use */
    host_cpu_t cpu;
    bool has_memory;
    uint64_t memory_total_bytes, memory_used_bytes; /* used: what is not available to a new program */
    bool has_disk;
    uint64_t disk_total_bytes, disk_free_bytes; /* free: to this user */
} host_t;

/* `dir` names the file system; it may be NULL. What cannot be read is left out. */
void host_read(const char *dir, host_t *out);

/* Share of the processors' time between two readings that was not idle, 0 to 1; false when it cannot be told. Pure. */
bool host_cpu_usage(const host_cpu_t *before, const host_cpu_t *after, double *usage);

/* The texts of /proc/stat and /proc/meminfo. Pure. */
bool host_parse_cpu(const char *text, host_cpu_t *out);
bool host_parse_memory(const char *text, uint64_t *total_bytes, uint64_t *used_bytes);

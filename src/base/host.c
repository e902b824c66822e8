/* Reading /proc/stat, /proc/meminfo and the file system: see host.h. */
#include "base/host.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The first line: user nice system idle iowait irq softirq steal. Guests' time is counted in user already. */
bool host_parse_cpu(const char *text, host_cpu_t *out) {
    uint64_t t[8] = {0};
    int found = sscanf(text,
                       "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                       " %" SCNu64,
                       &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]);
    if (found < 4)
        return false;
    *out = (host_cpu_t){0};
    for (int i = 0; i < 8; i++)
        out->total += t[i];
    out->busy = out->total - t[3] - t[4];
    return out->total > 0;
}

static bool s_kilobytes(const char *text, const char *name, uint64_t *bytes) {
    const char *line = strstr(text, name);
    if (!line || sscanf(line + strlen(name), "%" SCNu64, bytes) != 1)
        return false;
    *bytes *= 1024;
    return true;
}

bool host_parse_memory(const char *text, uint64_t *total_bytes, uint64_t *used_bytes) {
    uint64_t available;
    if (!s_kilobytes(text, "MemTotal:", total_bytes) || !s_kilobytes(text, "MemAvailable:", &available) ||
        available > *total_bytes)
        return false;
    *used_bytes = *total_bytes - available;
    return true;
}

/* iowait is known to go back a little: such a reading counts as none. */
bool host_cpu_usage(const host_cpu_t *before, const host_cpu_t *after, double *usage) {
    if (before->total == 0 || after->total <= before->total || after->busy < before->busy ||
        after->busy - before->busy > after->total - before->total)
        return false;
    *usage = (double)(after->busy - before->busy) / (double)(after->total - before->total);
    return true;
}

static const char *s_read(const char *path, char *text, size_t size) {
    FILE *file = fopen(path, "r");
    text[0] = '\0';
    if (file) {
        text[fread(text, 1, size - 1, file)] = '\0';
        fclose(file);
    }
    return text;
}

static uint32_t s_cpu_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (uint32_t)CPU_COUNT(&set);
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (uint32_t)count : 1;
}

void host_read(const char *dir, host_t *out) {
    char text[2048];
    struct statvfs disk;
    *out = (host_t){.cpu_count = s_cpu_count()};
    if (!host_parse_cpu(s_read("/proc/stat", text, sizeof text), &out->cpu))
        out->cpu = (host_cpu_t){0};
    out->has_memory = host_parse_memory(s_read("/proc/meminfo", text, sizeof text), &out->memory_total_bytes,
                                        &out->memory_used_bytes);
    out->has_disk = dir && statvfs(dir, &disk) == 0;
    if (out->has_disk) {
        out->disk_total_bytes = (uint64_t)disk.f_blocks * disk.f_frsize;
        out->disk_free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    }
}

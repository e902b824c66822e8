/* Figures of this process from /proc/self. Any thread. */
#pragma once

/* What cannot be read is NaN. */
typedef struct {
    double rss_bytes;
    double cpu_seconds;
    double open_files;
    double threads;
} process_t;

void process_read(process_t *out);

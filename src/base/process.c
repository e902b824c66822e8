/* Reading /proc/self. */
#include "base/process.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* A "Name:   value" line of /proc/self/status. */
static double s_status(const char *text, const char *name) {
    const char *line = strstr(text, name);
    long value;
    return line && sscanf(line + strlen(name), "%ld", &value) == 1 ? (double)value : NAN;
}

static double s_cpu_seconds(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return NAN;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double s_open_files(void) {
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return NAN;
    double count = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count - 1; /* the directory itself */
}

void process_read(process_t *out) {
    char text[4096] = "";
    FILE *file = fopen("/proc/self/status", "r");
    if (file) {
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
    }
    out->rss_bytes = s_status(text, "\nVmRSS:") * 1024;
    out->threads = s_status(text, "\nThreads:");
    out->cpu_seconds = s_cpu_seconds();
    out->open_files = s_open_files();
}

/* Children whose output goes to memory files: they never block on a reader, and the test reads what it wants. */
#include "program.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 5, SHOWN_BYTES = 6000 };

struct program_s {
    pid_t pid;
    bool ended;
    int status;
    int fds[2];       /* memory files of stdout and stderr */
    off_t read_to[2]; /* where the next search for a line begins */
    char *text[2];
    char *line;
    char name[64];
};

extern char **environ;

long long program_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

bool program_look_again(long long deadline_ms) {
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    nanosleep(&pause, NULL);
    return program_now_ms() < deadline_ms;
}

static const char *s_bin_dir(void) {
    const char *dir = getenv("TEST_BIN_DIR");
    return dir ? dir : TEST_BIN_DIR;
}

/* ---- environment ---- */

static bool s_is_setting(const char *entry) {
    static const char *const prefixes[] = {
        "INTEGRATION_", "DATABASE_", "REDIS_",     "LOG_",        "SIGNALS_",  "ANALYSIS_", "SCHEDULER_",
        "MONITORING_",  "ADAPTER_",  "CACHE_",     "VALIDATION_", "DATASETS_", "STREAM_",   "HISTORY_",
        "CALENDAR_",    "MACRO_",    "PORTFOLIO_", "EXECUTION_",  "FLOWHUB_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(entry, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static size_t s_length(const char *const *list) {
    size_t length = 0;
    while (list && list[length])
        length++;
    return length;
}

static char **s_environment(const char *const *added) {
    size_t count = 0, own = s_length((const char *const *)environ), more = s_length(added);
    char **list = calloc(own + more + 1, sizeof *list);
    cr_assert(list);
    for (size_t i = 0; i < own; i++)
        if (!s_is_setting(environ[i]))
            list[count++] = environ[i];
    for (size_t i = 0; i < more; i++)
        list[count++] = (char *)added[i];
    return list;
}

/* ---- start ---- */

static void s_become(const program_t *self, const char *path, char **argv, char **env) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0 || dup2(self->fds[0], 1) < 0 || dup2(self->fds[1], 2) < 0)
        _exit(120);
    execve(path, argv, env);
    _exit(121);
}

static char **s_arguments(const char *path, const char *const *given) {
    size_t count = s_length(given);
    char **argv = calloc(count + 2, sizeof *argv);
    cr_assert(argv);
    argv[0] = (char *)path;
    for (size_t i = 0; i < count; i++)
        argv[i + 1] = (char *)given[i];
    return argv;
}

program_t *program_start(const char *binary, const char *const *arguments, const char *const *environment) {
    program_t *self = calloc(1, sizeof *self);
    char path[512];
    cr_assert(self);
    snprintf(self->name, sizeof self->name, "%s", binary);
    snprintf(path, sizeof path, "%s/%s", *binary == '/' ? "" : s_bin_dir(), binary);
    for (int i = 0; i < 2; i++) {
        self->fds[i] = memfd_create(i ? "stderr" : "stdout", MFD_CLOEXEC);
        cr_assert(self->fds[i] >= 0);
    }
    char **argv = s_arguments(path, arguments), **env = s_environment(environment);
    fflush(NULL);
    self->pid = fork();
    cr_assert(self->pid >= 0);
    if (self->pid == 0)
        s_become(self, path, argv, env);
    free(argv);
    free(env);
    return self;
}

void program_destroy(program_t **self_p) {
    program_t *self = *self_p;
    if (!self)
        return;
    if (!self->ended)
        program_kill(self);
    for (int i = 0; i < 2; i++) {
        close(self->fds[i]);
        free(self->text[i]);
    }
    free(self->line);
    free(self);
    *self_p = NULL;
}

/* ---- output ---- */

static const char *s_text_from(program_t *self, int i, off_t offset, size_t *size) {
    struct stat about;
    cr_assert_eq(fstat(self->fds[i], &about), 0);
    cr_assert(offset <= about.st_size);
    *size = (size_t)(about.st_size - offset);
    free(self->text[i]);
    self->text[i] = calloc(1, *size + 1);
    cr_assert(self->text[i]);
    cr_assert(pread(self->fds[i], self->text[i], *size, offset) == (ssize_t)*size);
    return self->text[i];
}

static const char *s_text(program_t *self, int i) {
    size_t size;
    return s_text_from(self, i, 0, &size);
}

const char *program_out(program_t *self) {
    return s_text(self, 0);
}

const char *program_out_from(program_t *self, size_t offset, size_t *size) {
    return s_text_from(self, 0, (off_t)offset, size);
}

const char *program_err(program_t *self) {
    return s_text(self, 1);
}

static void s_show(program_t *self) {
    for (int i = 0; i < 2; i++) {
        const char *text = s_text(self, i);
        size_t length = strlen(text), skipped = length > SHOWN_BYTES ? length - SHOWN_BYTES : 0;
        if (length)
            fprintf(stderr, "--- %s, %s:\n%s\n", self->name, i ? "stderr" : "stdout", text + skipped);
    }
}

/* The first complete line from *from on that holds the needle; *from is then behind it, else behind the last one. memchr,
 * not strchr: under strict_string_checks that reads to the end of all, for every line. */
static bool s_find(program_t *self, int i, off_t *from, const char *needle) {
    size_t size;
    const char *text = s_text_from(self, i, *from, &size), *start = text;
    bool found = false;
    for (const char *end; !found && (end = memchr(start, '\n', size - (size_t)(start - text)));
         start = end + 1) {
        char *line = strndup(start, (size_t)(end - start));
        cr_assert(line);
        found = strstr(line, needle);
        if (found) {
            free(self->line);
            self->line = line;
        } else
            free(line);
    }
    *from += start - text;
    return found;
}

/* `from`: where to look next in either output, and then where to go on. What was looked at counts as read once found. */
static bool s_find_in_either(program_t *self, off_t from[2], const char *needle) {
    for (int i = 0; i < 2; i++)
        if (s_find(self, i, &from[i], needle)) {
            self->read_to[i] = from[i];
            return true;
        }
    return false;
}

const char *program_has_line(program_t *self, const char *needle) {
    off_t from[2] = {self->read_to[0], self->read_to[1]};
    return s_find_in_either(self, from, needle) ? self->line : NULL;
}

const char *program_line(program_t *self, const char *needle) {
    long long deadline = program_now_ms() + PROGRAM_MS;
    off_t from[2] = {self->read_to[0], self->read_to[1]};
    for (;;) {
        bool running = program_is_running(self);
        if (s_find_in_either(self, from, needle))
            return self->line;
        if (!running || !program_look_again(deadline)) {
            s_show(self);
            cr_assert_fail("%s %s without a line with: %s", self->name, running ? "goes on" : "ended",
                           needle);
        }
    }
}

/* ---- end ---- */

void program_signal(program_t *self, int number) {
    cr_assert(program_is_running(self), "%s has ended", self->name);
    cr_assert_eq(kill(self->pid, number), 0);
}

static void s_note_end(program_t *self, int status) {
    self->ended = true;
    self->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool program_is_running(program_t *self) {
    int status;
    if (!self->ended && waitpid(self->pid, &status, WNOHANG) == self->pid)
        s_note_end(self, status);
    return !self->ended;
}

int program_wait(program_t *self) {
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (program_is_running(self)) {
        if (!program_look_again(deadline)) {
            s_show(self);
            cr_assert_fail("%s does not end", self->name);
        }
    }
    return self->status;
}

void program_kill(program_t *self) {
    int status;
    if (self->ended)
        return;
    kill(self->pid, SIGKILL);
    cr_assert_eq(waitpid(self->pid, &status, 0), self->pid);
    s_note_end(self, status);
}

program_t *program_run(const char *binary, const char *const *arguments, const char *const *environment,
                       int *status) {
    program_t *self = program_start(binary, arguments, environment);
    *status = program_wait(self);
    return self;
}

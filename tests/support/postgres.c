/* initdb and postgres as children of the test, without privileges. */
#include "postgres.h"

#include "base/clock.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 60000, LOOK_US = 20000 };

struct postgres_s {
    char root[64], data[80], log[80], bin[256], url[128], template[512];
    int port;
    pid_t pid;
};

static void s_find_binaries(postgres_t *self) {
    glob_t found;
    cr_assert_eq(glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found), 0,
                 "the package postgresql is missing");
    const char *last = found.gl_pathv[found.gl_pathc - 1];
    int major = atoi(last + strlen("/usr/lib/postgresql/"));
    const char *dir = getenv("TEST_BIN_DIR");
    snprintf(self->bin, sizeof self->bin, "%.*s", (int)(strrchr(last, '/') - last), last);
    snprintf(self->template, sizeof self->template, "%s/postgres-%d", dir ? dir : TEST_BIN_DIR, major);
    globfree(&found);
}

static int s_free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0);
    cr_assert(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* In the child: to the user postgres when root, output to the log, and an end with the test. */
static void s_become(const postgres_t *self) {
    int log = open(self->log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(120);
    if (geteuid() == 0 &&
        (!user || setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
        _exit(121);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (chdir("/") != 0)
        _exit(122);
}

static pid_t s_spawn(const postgres_t *self, const char *program, char *const *argv) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", self->bin, program);
    fflush(NULL);
    pid_t pid = fork();
    cr_assert(pid >= 0);
    if (pid == 0) {
        s_become(self);
        execv(path, argv);
        _exit(123);
    }
    return pid;
}

static void s_show_log(const postgres_t *self) {
    FILE *log = fopen(self->log, "r");
    char line[512];
    while (log && fgets(line, sizeof line, log))
        fprintf(stderr, "postgres: %s", line);
    if (log)
        fclose(log);
}

/* ---- the cluster ---- */

static int s_run_tool(char *const *argv) {
    int status = -1;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        execv(argv[0], argv);
        _exit(123);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static void s_remove(const char *path) {
    char *const argv[] = {"/bin/rm", "-rf", (char *)path, NULL};
    s_run_tool(argv);
}

static bool s_copy(const char *from, const char *to) {
    char *const argv[] = {"/bin/cp", "-a", (char *)from, (char *)to, NULL};
    return s_run_tool(argv) == 0;
}

static void s_initdb(const postgres_t *self) {
    char *const argv[] = {"initdb", "-D",   (char *)self->data, "-U",        "postgres", "-A", "trust",
                          "-E",     "UTF8", "--no-locale",      "--no-sync", NULL};
    int status;
    pid_t pid = s_spawn(self, "initdb", argv);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    if (status != 0)
        s_show_log(self);
    cr_assert_eq(status, 0, "initdb failed");
}

/* initdb costs more than most tests: the first test of a build tree keeps a copy of its cluster there, and the others
 * begin with a copy of that. Two may do so at once: the rename of the later one fails, and it is as good. */
static void s_make_cluster(const postgres_t *self) {
    char making[sizeof self->template + 16];
    if (access(self->template, F_OK) == 0) {
        cr_assert(s_copy(self->template, self->data), "the cluster in %s is not copied", self->template);
        return;
    }
    s_initdb(self);
    snprintf(making, sizeof making, "%s.%d", self->template, (int)getpid());
    if (!s_copy(self->data, making) || rename(making, self->template) != 0)
        s_remove(making);
}

postgres_t *postgres_new(void) {
    postgres_t *self = calloc(1, sizeof *self);
    cr_assert(self);
    s_find_binaries(self);
    strcpy(self->root, "/tmp/integration-pg-XXXXXX");
    cr_assert(mkdtemp(self->root));
    snprintf(self->data, sizeof self->data, "%s/data", self->root);
    snprintf(self->log, sizeof self->log, "%s/log", self->root);
    const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (user)
        cr_assert_eq(chown(self->root, user->pw_uid, user->pw_gid), 0);
    s_make_cluster(self);
    self->port = s_free_port();
    snprintf(self->url, sizeof self->url, "postgresql://postgres@127.0.0.1:%d/postgres", self->port);
    return self;
}

static bool s_ended(postgres_t *self) {
    int status;
    if (waitpid(self->pid, &status, WNOHANG) != self->pid)
        return false;
    self->pid = 0;
    return true;
}

static void s_launch(postgres_t *self) {
    char port[16];
    snprintf(port, sizeof port, "%d", self->port);
    char *const argv[] = {
        "postgres", "-D", self->data, "-p", port, "-k", self->root, "-c", "listen_addresses=127.0.0.1", NULL};
    self->pid = s_spawn(self, "postgres", argv);
}

/* A server that died leaves shared memory that its processes may still hold for a moment: then it is launched
 * again. */
void postgres_start(postgres_t *self) {
    int64_t deadline_us = clock_mono_us() + START_MS * 1000LL;
    s_launch(self);
    while (PQping(self->url) != PQPING_OK) {
        if (clock_mono_us() > deadline_us)
            s_show_log(self);
        cr_assert(clock_mono_us() <= deadline_us, "the server does not answer");
        if (s_ended(self))
            s_launch(self);
        usleep(LOOK_US);
    }
}

/* The processes of the server; they are no process group. */
static size_t s_children(pid_t pid, pid_t *children, size_t capacity) {
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *file = fopen(path, "r");
    int child;
    while (file && count < capacity && fscanf(file, "%d", &child) == 1)
        children[count++] = child;
    if (file)
        fclose(file);
    return count;
}

void postgres_kill(postgres_t *self) {
    pid_t children[256];
    if (!self->pid)
        return;
    kill(self->pid, SIGSTOP);
    size_t count = s_children(self->pid, children, 256);
    for (size_t i = 0; i < count; i++)
        kill(children[i], SIGKILL);
    kill(self->pid, SIGKILL);
    waitpid(self->pid, NULL, 0);
    self->pid = 0;
}

void postgres_destroy(postgres_t **self_p) {
    postgres_t *self = *self_p;
    if (!self)
        return;
    postgres_kill(self);
    s_remove(self->root);
    free(self);
    *self_p = NULL;
}

const char *postgres_url(const postgres_t *self) {
    return self->url;
}

int postgres_port(const postgres_t *self) {
    return self->port;
}

/* redis-server as a child of the test. */
#include "redis.h"

#include "base/clock.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 20000, LOOK_US = 5000, TIMEOUT_US = 200000, WORDS = 16 };

struct redis_s {
    char root[64], password[64], url[160], answer[4096];
    int port;
    pid_t pid;
    redisContext *context; /* of the test */
};

static int s_free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0);
    cr_assert(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

redis_t *redis_new(const char *password) {
    redis_t *self = calloc(1, sizeof *self);
    cr_assert(self);
    strcpy(self->root, "/tmp/integration-redis-XXXXXX");
    cr_assert(mkdtemp(self->root));
    self->port = s_free_port();
    snprintf(self->password, sizeof self->password, "%s", password ? password : "");
    snprintf(self->url, sizeof self->url, "redis://%s%s%s127.0.0.1:%d/1", password ? ":" : "", self->password,
             password ? "@" : "", self->port);
    return self;
}

const char *redis_url(const redis_t *self) {
    return self->url;
}

static void s_become(const redis_t *self) {
    char port[16], log[80];
    snprintf(port, sizeof port, "%d", self->port);
    snprintf(log, sizeof log, "%s/log", self->root);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || chdir(self->root) != 0)
        _exit(120);
    execl("/usr/bin/redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
          "--logfile", log, *self->password ? "--requirepass" : "--daemonize",
          *self->password ? self->password : "no", NULL);
    _exit(121);
}

static void s_disconnect(redis_t *self) {
    if (self->context)
        redisFree(self->context);
    self->context = NULL;
}

static bool s_connect(redis_t *self) {
    s_disconnect(self);
    self->context = redisConnectWithTimeout("127.0.0.1", self->port, (struct timeval){.tv_usec = TIMEOUT_US});
    cr_assert(self->context);
    if (self->context->err)
        return false;
    if (*self->password)
        freeReplyObject(redisCommand(self->context, "AUTH %s", self->password));
    redisReply *reply = redisCommand(self->context, "SELECT 1");
    bool good = reply && reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    return good;
}

void redis_start(redis_t *self) {
    int64_t deadline_us = clock_mono_us() + START_MS * 1000LL;
    fflush(NULL);
    self->pid = fork();
    cr_assert(self->pid >= 0);
    if (self->pid == 0)
        s_become(self);
    while (!s_connect(self)) {
        cr_assert(clock_mono_us() < deadline_us, "redis-server does not answer");
        cr_assert_eq(waitpid(self->pid, NULL, WNOHANG), 0,
                     "redis-server ended: is the package redis-server there?");
        usleep(LOOK_US);
    }
}

void redis_kill(redis_t *self) {
    s_disconnect(self);
    if (!self->pid)
        return;
    kill(self->pid, SIGKILL);
    waitpid(self->pid, NULL, 0);
    self->pid = 0;
}

void redis_pause(redis_t *self) {
    cr_assert_eq(kill(self->pid, SIGSTOP), 0);
}

void redis_resume(redis_t *self) {
    cr_assert_eq(kill(self->pid, SIGCONT), 0);
}

void redis_destroy(redis_t **self_p) {
    redis_t *self = *self_p;
    char command[96];
    if (!self)
        return;
    redis_kill(self);
    snprintf(command, sizeof command, "rm -rf %s", self->root);
    cr_assert_eq(system(command), 0);
    free(self);
    *self_p = NULL;
}

const char *redis_ask(redis_t *self, const char *command) {
    char text[1024], *words[WORDS], *rest = text;
    int count = 0;
    snprintf(text, sizeof text, "%s", command);
    for (char *word; count < WORDS && (word = strtok_r(rest, " ", &rest));)
        words[count++] = word;
    redisReply *reply = redisCommandArgv(self->context, count, (const char **)words, NULL);
    cr_assert(reply, "redis: %s: %s", command, self->context->errstr);
    cr_assert_neq(reply->type, REDIS_REPLY_ERROR, "redis: %s: %s", command, reply->str);
    self->answer[0] = '\0';
    if (reply->type == REDIS_REPLY_INTEGER)
        snprintf(self->answer, sizeof self->answer, "%lld", reply->integer);
    else if (reply->str)
        snprintf(self->answer, sizeof self->answer, "%s", reply->str);
    freeReplyObject(reply);
    return self->answer;
}

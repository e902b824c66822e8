/* Admission by CURVE; the ZAP protocol is ZeroMQ RFC 27. */
#include "stream/curve.h"

#include "base/clock.h"
#include "base/log.h"
#include <czmq.h>
#include <sys/stat.h>

#define ZAP_ADDRESS "inproc://zeromq.zap.01"
#define ZAP_DOMAIN  "stream"

enum { FIRST_CREDENTIAL = 6, ZAP_FRAMES = 7, REQUESTS_A_TURN = 64 };

/* Least time between two readings of the directory for a key that is not in it. */
#define READ_AGAIN_US 1000000

/* ---- ZAP ---- */

/* version, request id, domain, address, identity, mechanism, public key; others may follow */
typedef struct {
    zmq_msg_t frames[ZAP_FRAMES];
    size_t count;
} zap_request_t;

static bool s_receive(void *socket, zap_request_t *request) {
    request->count = 0;
    for (bool more = true; more;) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&frame);
            return false;
        }
        more = zmq_msg_more(&frame);
        if (request->count < ZAP_FRAMES) {
            zmq_msg_init(&request->frames[request->count]);
            zmq_msg_move(&request->frames[request->count++], &frame);
        }
        zmq_msg_close(&frame);
    }
    return true;
}

static void s_close(zap_request_t *request) {
    for (size_t i = 0; i < request->count; i++)
        zmq_msg_close(&request->frames[i]);
}

static bool s_frame_is(zap_request_t *request, size_t index, const char *text) {
    zmq_msg_t *frame = &request->frames[index];
    return zmq_msg_size(frame) == strlen(text) && memcmp(zmq_msg_data(frame), text, strlen(text)) == 0;
}

static const uint8_t *s_key(zap_request_t *request) {
    bool valid = request->count == ZAP_FRAMES && s_frame_is(request, 0, "1.0") &&
                 s_frame_is(request, 5, "CURVE") &&
                 zmq_msg_size(&request->frames[FIRST_CREDENTIAL]) == CERTIFICATE_KEY_SIZE;
    return valid ? zmq_msg_data(&request->frames[FIRST_CREDENTIAL]) : NULL;
}

static void s_send(void *socket, const void *bytes, size_t size, bool last) {
    /* The asker waits for these frames, so there is room; one that went away is not answered. */
    (void)zmq_send(socket, bytes, size, ZMQ_DONTWAIT | (last ? 0 : ZMQ_SNDMORE));
}

static void s_answer(void *socket, zap_request_t *request, const char *status, const char *text,
                     const char *user) {
    bool has_id = request->count > 1;
    s_send(socket, "1.0", 3, false);
    s_send(socket, has_id ? zmq_msg_data(&request->frames[1]) : "",
           has_id ? zmq_msg_size(&request->frames[1]) : 0, false);
    s_send(socket, status, strlen(status), false);
    s_send(socket, text, strlen(text), false);
    s_send(socket, user, strlen(user), false);
    s_send(socket, "", 0, true);
}

static void s_log_refusal(curve_t *self, zap_request_t *request, const uint8_t *key) {
    static const uint8_t no_key[CERTIFICATE_KEY_SIZE];
    char text[CERTIFICATE_TEXT_SIZE] = "", address[64] = "";
    if (!refusals_note(&self->refusals, key ? key : no_key, clock_mono_us()))
        return;
    if (key)
        zmq_z85_encode(text, key, CERTIFICATE_KEY_SIZE);
    if (request->count > 3)
        snprintf(address, sizeof address, "%.*s", (int)zmq_msg_size(&request->frames[3]),
                 (const char *)zmq_msg_data(&request->frames[3]));
    log_warning("a stream client was refused", LOG_STR("address", address), LOG_STR("public_key", text),
                LOG_STR("reason", key ? "its key is not in clients/" : "it offers no CURVE key"),
                LOG_INT("others_not_logged", self->refusals.untold));
    self->refusals.untold = 0;
}

/* The directory's time tells of files that came and went; one that was still being written when it was read is found
 * by reading once more. */
static const certificate_t *s_find(curve_t *self, const uint8_t *key) {
    struct stat now;
    if (stat(self->clients_dir, &now) != 0 || now.st_mtim.tv_sec != self->read_at.tv_sec ||
        now.st_mtim.tv_nsec != self->read_at.tv_nsec)
        curve_reload(self);
    const certificate_t *client = allow_list_find(&self->allowed, key);
    if (client || clock_mono_us() - self->read_us < READ_AGAIN_US)
        return client;
    curve_reload(self);
    return allow_list_find(&self->allowed, key);
}

static void s_judge(curve_t *self, zap_request_t *request) {
    const uint8_t *key = s_key(request);
    const certificate_t *client = key ? s_find(self, key) : NULL;
    if (client) {
        self->admitted++;
        s_answer(self->zap, request, "200", "OK", client->name);
        return;
    }
    self->refused++;
    s_log_refusal(self, request, key);
    s_answer(self->zap, request, "400", "No access", "");
}

static void s_on_zap(actor_t *actor, void *context, short revents) {
    curve_t *self = context;
    zap_request_t request;
    (void)actor;
    (void)revents;
    for (int i = 0; i < REQUESTS_A_TURN && s_receive(self->zap, &request); i++) {
        s_judge(self, &request);
        s_close(&request);
    }
}

static err_t s_open_zap(curve_t *self, actor_t *actor) {
    self->zap = zmq_socket(zsys_init(), ZMQ_REP);
    assert_always(self->zap);
    zmq_setsockopt(self->zap, ZMQ_LINGER, &(int){0}, sizeof(int));
    if (zmq_bind(self->zap, ZAP_ADDRESS) != 0) {
        log_error("the ZAP address is taken", LOG_STR("reason", zmq_strerror(zmq_errno())));
        return ERR_IO;
    }
    actor_poll_socket(actor, self->zap, ZMQ_POLLIN, s_on_zap, self);
    return OK;
}

/* ---- files ---- */

static err_t s_make_dir(const char *path) {
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return OK;
    log_error("a directory cannot be made", LOG_STR("setting", "INTEGRATION_CURVE_DIR"),
              LOG_STR("directory", path), LOG_STR("reason", strerror(errno)));
    return ERR_IO;
}

static err_t s_make_dirs(curve_t *self, const char *dir) {
    buf_t clients = BUF_INIT;
    buf_printf(&clients, "%s/clients", dir);
    self->clients_dir = buf_steal(&clients);
    err_t err = s_make_dir(dir);
    return err == OK ? s_make_dir(self->clients_dir) : err;
}

static err_t s_load_server(curve_t *self, const char *dir) {
    buf_t problem = BUF_INIT;
    err_t err = certificate_load_or_make(&self->server, dir, "server", &problem);
    if (err != OK)
        log_error("the stream has no key pair", LOG_STR("setting", "INTEGRATION_CURVE_DIR"),
                  LOG_STR("reason", buf_str(&problem)));
    buf_free(&problem);
    return err;
}

void curve_reload(curve_t *self) {
    if (!self->zap)
        return;
    size_t before = self->allowed.count;
    bool first = self->read_us == 0;
    struct stat info = {0};
    (void)stat(self->clients_dir, &info); /* before reading: what comes later is then seen as a change */
    self->read_at = info.st_mtim;
    self->read_us = clock_mono_us();
    err_t err = allow_list_load(&self->allowed, self->clients_dir);
    if (err != OK)
        log_error("the allow-list cannot be read; nobody is admitted",
                  LOG_STR("directory", self->clients_dir), LOG_STR("reason", strerror(errno)));
    else if (first || self->allowed.count != before)
        log_info("allow-list of the stream read", LOG_INT("clients", self->allowed.count),
                 LOG_INT("before", before));
}

err_t curve_open(curve_t *self, actor_t *actor, const char *dir) {
    err_t err = s_make_dirs(self, dir);
    if (err == OK)
        err = s_load_server(self, dir);
    if (err == OK)
        err = s_open_zap(self, actor);
    if (err == OK)
        curve_reload(self);
    return err;
}

void curve_close(curve_t *self, actor_t *actor) {
    if (self->zap) {
        actor_unpoll_socket(actor, self->zap);
        zmq_close(self->zap);
    }
    free(self->clients_dir);
    allow_list_free(&self->allowed);
    certificate_wipe(&self->server);
    *self = (curve_t){0};
}

err_t curve_apply(const curve_t *self, void *socket) {
    if (!self->zap)
        return OK;
    int server = 1;
    bool done =
        zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &server, sizeof server) == 0 &&
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, self->server.secret_key, CERTIFICATE_KEY_SIZE) == 0 &&
        zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen(ZAP_DOMAIN)) == 0;
    if (!done)
        log_error("the stream cannot use CURVE", LOG_STR("reason", zmq_strerror(zmq_errno())));
    return done ? OK : ERR_IO;
}

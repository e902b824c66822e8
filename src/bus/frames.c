/* Building, sending and receiving the three frames of a bus message. */
#include "bus/frames.h"

#include "tables.gen.h"
#include <errno.h>
#include <string.h>

/* libzmq hands the bytes from thread to thread with atomics that ThreadSanitizer does not see in a library. */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
static void s_given(zmq_msg_t *part) {
    __tsan_release(zmq_msg_data(part));
}
static void s_taken(zmq_msg_t *part) {
    __tsan_acquire(zmq_msg_data(part));
}
#else
static void s_given(zmq_msg_t *part) {
    (void)part;
}
static void s_taken(zmq_msg_t *part) {
    (void)part;
}
#endif

static void s_frame(zmq_msg_t *frame, const void *bytes, size_t size) {
    assert_always(zmq_msg_init_size(frame, size) == 0);
    if (size)
        memcpy(zmq_msg_data(frame), bytes, size);
}

err_t frames_make(frames_t *self, const char *topic, const Envelope *envelope, const void *payload,
                  size_t payload_size) {
    size_t topic_size = strlen(topic) + 1;
    if (topic_size > BUS_TOPIC_SIZE)
        return ERR_INTERNAL;
    uint8_t encoded[Envelope_size];
    size_t encoded_size;
    if (message_encode_into(Envelope_message(), envelope, encoded, sizeof encoded, &encoded_size) != OK)
        return ERR_INTERNAL;
    s_frame(&self->topic, topic, topic_size);
    s_frame(&self->envelope, encoded, encoded_size);
    s_frame(&self->payload, payload, payload_size);
    return OK;
}

void frames_close(frames_t *self) {
    zmq_msg_close(&self->topic);
    zmq_msg_close(&self->envelope);
    zmq_msg_close(&self->payload);
}

void frames_move(frames_t *to, frames_t *from) {
    zmq_msg_t *const target[] = {&to->topic, &to->envelope, &to->payload};
    zmq_msg_t *const source[] = {&from->topic, &from->envelope, &from->payload};
    for (int i = 0; i < 3; i++) {
        zmq_msg_init(target[i]);
        zmq_msg_move(target[i], source[i]);
        zmq_msg_close(source[i]);
    }
}

static bool s_topic_valid(zmq_msg_t *topic) {
    size_t size = zmq_msg_size(topic);
    const char *text = zmq_msg_data(topic);
    return size > 1 && size <= BUS_TOPIC_SIZE && text[size - 1] == '\0';
}

/* A message of more or fewer frames is read to its end and dropped. */
static err_t s_drop(void *socket, zmq_msg_t *last) {
    while (zmq_msg_more(last)) {
        if (zmq_msg_recv(last, socket, ZMQ_DONTWAIT) < 0)
            break;
    }
    return ERR_PROTOCOL;
}

err_t frames_recv(frames_t *self, void *socket, int flags) {
    zmq_msg_t *const parts[] = {&self->topic, &self->envelope, &self->payload};
    for (int i = 0; i < 3; i++)
        zmq_msg_init(parts[i]);
    int rc;
    do {
        rc = zmq_msg_recv(parts[0], socket, flags);
    } while (rc < 0 && errno == EINTR);
    if (rc < 0) {
        err_t err = errno == EAGAIN ? ERR_AGAIN : ERR_IO;
        frames_close(self);
        return err;
    }
    s_taken(parts[0]);
    int last = 0; /* the parts of a message arrive together: no wait from here on */
    while (last < 2 && zmq_msg_more(parts[last]) && zmq_msg_recv(parts[last + 1], socket, ZMQ_DONTWAIT) >= 0)
        s_taken(parts[++last]);
    if (last == 2 && !zmq_msg_more(parts[2]) && s_topic_valid(&self->topic))
        return OK;
    err_t err = s_drop(socket, parts[last]);
    frames_close(self);
    return err;
}

err_t frames_send(frames_t *self, void *socket) {
    s_given(&self->topic);
    s_given(&self->envelope);
    s_given(&self->payload);
    int rc;
    do {
        rc = zmq_msg_send(&self->topic, socket, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    } while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return ERR_OVERLOADED;
    /* Room is counted in whole messages: once the first part is in, the others are too. */
    assert_always(zmq_msg_send(&self->envelope, socket, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0);
    assert_always(zmq_msg_send(&self->payload, socket, ZMQ_DONTWAIT) >= 0);
    return OK;
}

const char *frames_topic(frames_t *self) {
    return zmq_msg_data(&self->topic);
}

err_t frames_envelope(frames_t *self, Envelope *out) {
    *out = (Envelope)Envelope_init_zero;
    return message_decode(Envelope_message(), zmq_msg_data(&self->envelope), zmq_msg_size(&self->envelope),
                          out);
}

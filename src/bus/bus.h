/* The bus: publish and subscribe between the threads of this process, without losing the first message.
 *
 * Every client has an inbox, into which commands and replies are put by those who send them; a command that nobody
 * takes is answered NO_SUBSCRIBER at once. Events go by a broker thread, which owns a PULL socket, to which every client
 * pushes, and an XPUB socket, to which every client subscribes. It acknowledges each subscription before the call that
 * made it returns, so a subscription is in force for every event sent after. A message is three frames: topic,
 * Envelope, payload.
 *
 * Topics (each ends where a delimiter ends it, so that no name is a prefix of another):
 *   cmd/<component>/<Rpc>   commands; a component, and no other, subscribes to cmd/<component>/
 *   evt/<domain>/<Name>     events; anybody subscribes
 *   inbox/<hex>/            replies to one client
 * A subscription to events that ends in a slash takes all below it, the empty one takes all, any other takes exactly
 * that topic: evt/job/1 does not take evt/job/10.
 *
 * A full receiver (BUS_HWM messages behind) is not waited for: a command is answered OVERLOADED, a reply is dropped and
 * counted, an event is dropped for it and counted; who must miss nothing reads the store. From one sender to one
 * receiver, commands and replies keep their order, and so do events; those and events may overtake each other. */
#pragma once

#include "base/err.h"
#include "integration/v1/bus.pb.h"
#include "message/message.h"
#include "message/route.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUS_TOPIC_SIZE 160
#define BUS_HWM        65536

typedef struct bus_s bus_t;               /* the broker */
typedef struct bus_client_s bus_client_t; /* a thread's access to it */

/* Starts the broker thread. One a process. Main thread. */
ERR_MUST_USE
err_t bus_start(bus_t **self_p);
/* The same with another high-water mark in place of BUS_HWM (2 or more). */
ERR_MUST_USE
err_t bus_start_sized(bus_t **self_p, int hwm);
/* Stops it; every client must be gone. */
void bus_stop(bus_t **self_p);
/* Its state and counters (forwarded, no_subscriber, overloaded, dropped) into a zeroed struct, which is
 * freed with message_release. Any thread. */
void bus_describe(const bus_t *self, ComponentStatus *out);

/* A received message. Frames are borrowed from it until bus_message_close. */
typedef struct bus_message_s {
    const char *topic; /* NUL-terminated */
    Envelope envelope;
    const void *payload;
    size_t payload_size;
    void *frames; /* private */
} bus_message_t;
void bus_message_close(bus_message_t *self);

/* All of these belong to the thread that called bus_client_new. */
bus_client_t *bus_client_new(void); /* NULL when the bus is not running, or no socket or descriptor is left */
void bus_client_destroy(bus_client_t **self_p);
const char *bus_client_inbox(const bus_client_t *self);
/* For polling: readable when events, or commands and replies, came since bus_client_recv found nothing. */
int bus_client_socket_fd(const bus_client_t *self);
int bus_client_inbox_fd(const bus_client_t *self);
/* When these return, the change is in force: no message sent after misses it. What an unsubscribed prefix has
 * brought before is still received. A client takes the commands of one component at most. ERR_DEADLINE_EXCEEDED when the
 * broker did not acknowledge within 5 s. */
ERR_MUST_USE
err_t bus_client_subscribe(bus_client_t *self, const char *prefix);
void bus_client_unsubscribe(bus_client_t *self, const char *prefix);

/* Sends without waiting. message_id is filled in when 0. `payload` is an encoded message. ERR_OVERLOADED: an event, and
 * the broker is BUS_HWM messages behind. */
ERR_MUST_USE
err_t bus_client_send(bus_client_t *self, const char *topic, Envelope *envelope, const void *payload,
                      size_t payload_size);
/* Receives; ERR_AGAIN when nothing came until `deadline_us` (monotonic; 0 = do not wait). ERR_PROTOCOL for a
 * frame that is no message (it is dropped). */
ERR_MUST_USE
err_t bus_client_recv(bus_client_t *self, bus_message_t *message, int64_t deadline_us);

/* Command and wait for its reply, for threads that may block (gateway workers, main, tests). `envelope` carries
 * principal, deadline and ids of the request (deadline_us must be set). On OK, `response` (zeroed, of the rpc's
 * response type) is filled and `envelope->outcome` says how; on failure `fault` (zeroed) says why and the error
 * is its code; `fault` is filled for every error and freed with message_release. ERR_DEADLINE_EXCEEDED when no
 * reply came in time; late replies, and all else that comes meanwhile, are dropped. message_id and reply_topic
 * are set here; the envelope may be used again. */
ERR_MUST_USE
err_t bus_client_request(bus_client_t *self, const rpc_t *rpc, Envelope *envelope, const void *request,
                         void *response, Fault *fault);
/* The same to another instance of the service (adapter actors): component in place of rpc->component. */
ERR_MUST_USE
err_t bus_client_request_to(bus_client_t *self, const char *component, const rpc_t *rpc, Envelope *envelope,
                            const void *request, void *response, Fault *fault);

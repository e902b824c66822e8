/* The stand-in component. */
#include "answerer.h"

#include "routes.gen.h"
#include "tables.gen.h"
#include <stdatomic.h>
#include <string.h>

enum { KEPT_MAX = 256, COMMANDS_MAX = 64, CLASSES_MAX = 8 };

static atomic_int s_handled, s_kept_count;
static call_t *s_kept[KEPT_MAX];
static Envelope s_last;

static void s_answer_kept(actor_t *self) {
    RouteSignalReply reply = RouteSignalReply_init_zero;
    MESSAGE_PUT(reply.status, "routed");
    int count = atomic_load(&s_kept_count);
    for (int i = 0; i < count; i++)
        call_reply(self, &s_kept[i], &reply);
    atomic_store(&s_kept_count, 0);
}

static err_t s_route_signal(actor_t *self, call_t *call, const RouteSignalRequest *request,
                            RouteSignalReply *reply) {
    if (strcmp(request->target, "refuse") == 0) {
        call_problem(call, "symbol", "is taken");
        call_retry_after(call, 7);
        return call_explain(call, ERR_CONFLICT, "not now");
    }
    if (strcmp(request->target, "defect") == 0)
        return ERR_INTERNAL;
    if (strcmp(request->target, "keep") == 0) {
        int count = atomic_load(&s_kept_count);
        s_kept[count] = call;
        atomic_store(&s_kept_count, count + 1);
        return ERR_PENDING;
    }
    if (strcmp(request->target, "release") == 0)
        s_answer_kept(self);
    bool fits = MESSAGE_SET(reply->signal_id, request->signal_id) && MESSAGE_SET(reply->status, "routed");
    return fits ? OK : ERR_INTERNAL;
}

static err_t s_handle(actor_t *self, call_t *call, const void *request, void *response) {
    s_last = *call_envelope(call);
    atomic_fetch_add(&s_handled, 1);
    if (call_rpc(call) == &rpc_SignalRouter_RouteSignal)
        return s_route_signal(self, call, request, response);
    return OK;
}

static bool s_drain(actor_t *self) {
    s_answer_kept(self);
    return true;
}

const actor_class_t *answerer_class(const char *component) {
    static actor_command_t commands[CLASSES_MAX][COMMANDS_MAX];
    static actor_class_t classes[CLASSES_MAX];
    static size_t count;
    for (size_t i = 0; i < count; i++)
        if (strcmp(classes[i].name, component) == 0)
            return &classes[i];
    assert_always(count < CLASSES_MAX);
    size_t n = 0;
    for (size_t i = 0; i < rpcs_count; i++)
        if (strcmp(rpcs_all[i]->component, component) == 0 && !rpcs_all[i]->not_implemented &&
            n < COMMANDS_MAX - 1)
            commands[count][n++] = (actor_command_t){rpcs_all[i], s_handle};
    classes[count] = (actor_class_t){.name = component, .commands = commands[count], .drain = s_drain};
    return &classes[count++];
}

int answerer_handled(void) {
    return atomic_load(&s_handled);
}

int answerer_kept(void) {
    return atomic_load(&s_kept_count);
}

const Envelope *answerer_last(void) {
    return &s_last;
}

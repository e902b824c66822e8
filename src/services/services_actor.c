/* The services component: see services.h. Every handler asks an adapter and passes its answer on. */
#include "services/services.h"

#include "base/clock.h"
#include "base/log.h"
#include "bus/fault.h"
#include "routes.gen.h"
#include "services/adapter.h"
#include "store/store.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static err_t s_find_service(call_t *call, const char *name, int *service) {
    for (int i = 0; i < SERVICE_COUNT; i++)
        if (strcmp(name, service_names[i]) == 0) {
            *service = i;
            return OK;
        }
    call_problem(call, "service", "must be one of macro, portfolio, execution, flowhub; got \"%s\"", name);
    return ERR_SERVICE_NOT_FOUND;
}

/* ---- One service: forwarded to its adapter ---- */

static void s_on_forwarded(actor_t *actor, void *context, err_t err, const void *response,
                           const Fault *fault) {
    call_t *call = context;
    if (err == OK)
        call_reply(actor, &call, response);
    else
        call_fail_as(actor, &call, err, fault);
}

static err_t s_forward(actor_t *actor, call_t *call, const char *service, const rpc_t *rpc,
                       const void *request, actor_reply_fn *reply) {
    int index;
    err_t err = s_find_service(call, service, &index);
    if (err != OK)
        return err;
    actor_request_options_t options = {.component = adapter_names[index], .on_behalf = call};
    actor_request(actor, rpc, request, &options, reply, call);
    return ERR_PENDING;
}

static err_t s_get_service(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    const GetServiceRequest *input = request;
    ProbeRequest probe = ProbeRequest_init_zero;
    return s_forward(actor, call, input->service, &rpc_Adapter_Probe, &probe, s_on_forwarded);
}

static err_t s_reconnect_service(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    const ReconnectServiceRequest *input = request;
    ReconnectRequest reconnect = ReconnectRequest_init_zero;
    return s_forward(actor, call, input->service, &rpc_Adapter_Reconnect, &reconnect, s_on_forwarded);
}

static err_t s_get_service_config(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    const GetServiceConfigRequest *input = request;
    GetConfigRequest get = GetConfigRequest_init_zero;
    return s_forward(actor, call, input->service, &rpc_Adapter_GetConfig, &get, s_on_forwarded);
}

static void s_on_checked(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    call_t *call = context;
    const ServiceItem *item = response;
    if (err != OK) {
        call_fail_as(actor, &call, err, fault);
        return;
    }
    CheckServiceReply reply = CheckServiceReply_init_zero;
    MESSAGE_PUT(reply.service, item->name);
    MESSAGE_PUT(reply.status, item->status);
    reply.has_response_time = item->has_response_time;
    reply.response_time = item->response_time;
    reply.error = message_strdup(item->error);
    reply.timestamp = item->last_check;
    call_reply(actor, &call, &reply);
    message_release(CheckServiceReply_message(), &reply);
}

static err_t s_check_service(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    const CheckServiceRequest *input = request;
    ProbeRequest probe = ProbeRequest_init_zero;
    return s_forward(actor, call, input->service, &rpc_Adapter_Probe, &probe, s_on_checked);
}

static err_t s_report_job(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    const ReportJobRequest *input = request;
    return s_forward(actor, call, input->service, &rpc_Adapter_ReportJob, request, s_on_forwarded);
}

/* ---- All services: asked side by side ---- */

typedef struct {
    call_t *call;
    int waiting;
    err_t err;
    ServiceItem items[SERVICE_COUNT];
} listing_t;

typedef struct {
    listing_t *listing;
    int service;
} listing_slot_t;

static void s_listing_answer(actor_t *actor, listing_t *listing) {
    ListServicesReply reply = ListServicesReply_init_zero;
    reply.services = listing->items;
    reply.services_count = SERVICE_COUNT;
    reply.total_count = SERVICE_COUNT;
    for (int i = 0; i < SERVICE_COUNT; i++) {
        reply.healthy_count += strcmp(listing->items[i].status, "healthy") == 0;
        reply.unhealthy_count += strcmp(listing->items[i].status, "unhealthy") == 0;
    }
    if (listing->err == OK)
        call_reply(actor, &listing->call, &reply);
    else
        call_fail(actor, &listing->call, listing->err);
    for (int i = 0; i < SERVICE_COUNT; i++)
        message_release(ServiceItem_message(), &listing->items[i]);
    free(listing);
}

static void s_on_item(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    listing_slot_t *slot = context;
    listing_t *listing = slot->listing;
    if (err == OK)
        err = message_copy(ServiceItem_message(), &listing->items[slot->service], response);
    if (err != OK && listing->err == OK) {
        listing->err = err;
        call_explain(listing->call, err, "the adapter of %s did not answer: %s", service_names[slot->service],
                     fault_reason(fault, err));
    }
    free(slot);
    if (--listing->waiting == 0)
        s_listing_answer(actor, listing);
}

static err_t s_list_services(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)request;
    (void)response;
    listing_t *listing = calloc(1, sizeof *listing);
    assert_always(listing);
    listing->call = call;
    listing->waiting = SERVICE_COUNT;
    GetItemRequest get = GetItemRequest_init_zero;
    for (int i = 0; i < SERVICE_COUNT; i++) {
        listing_slot_t *slot = malloc(sizeof *slot);
        assert_always(slot);
        *slot = (listing_slot_t){listing, i};
        actor_request_options_t options = {.component = adapter_names[i], .on_behalf = call};
        actor_request(actor, &rpc_Adapter_GetItem, &get, &options, s_on_item, slot);
    }
    return ERR_PENDING;
}

/* ---- Changes go on the signal stream ---- */

static void s_on_stored(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    (void)context;
    (void)response;
    if (err != OK)
        log_warning("a service event was not stored", LOG_ERRT(err), LOG_STR("error", fault->message));
}

static void s_on_service_changed(actor_t *actor, const bus_message_t *message, const void *event) {
    const ServiceEvent *change = event;
    char topic[BUS_TOPIC_SIZE];
    snprintf(topic, sizeof topic, "service/%s/%s", change->service, change->status);
    store_write_t *write = store_write_new();
    store_write_op(write, "event_only", "");
    store_write_event(write, topic, ServiceEvent_message(), change, message->envelope.traceparent);
    actor_request_options_t options = {.context = &message->envelope};
    store_commit(actor, &write, &options, s_on_stored, NULL);
}

static const actor_command_t s_commands[] = {
    {&rpc_ServiceRegistry_ListServices, s_list_services},
    {&rpc_ServiceRegistry_GetService, s_get_service},
    {&rpc_ServiceRegistry_CheckService, s_check_service},
    {&rpc_ServiceRegistry_ReconnectService, s_reconnect_service},
    {&rpc_ServiceRegistry_GetServiceConfig, s_get_service_config},
    {&rpc_ServiceRegistry_ReportJob, s_report_job},
    {NULL, NULL},
};

static const actor_event_t s_events[] = {
    {"evt/service/Changed", ServiceEvent_message, s_on_service_changed},
    {NULL, NULL, NULL},
};

const actor_class_t services_class = {
    .name = "services",
    .commands = s_commands,
    .events = s_events,
};

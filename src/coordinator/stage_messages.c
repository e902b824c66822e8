/* Stages' JSON as messages: see stage_messages.h. */
#include "coordinator/stage_messages.h"

#include "base/config.h"
#include "base/json_tree.h"
#include "message/message.h"
#include <stdlib.h>
#include <string.h>

void stage_split_list(const char *text, char ***items, pb_size_t *count) {
    size_t most = 1;
    for (const char *c = text; *c; c++)
        most += *c == ',';
    *items = message_list(most, sizeof **items);
    *count = 0;
    const char *item;
    for (size_t length; config_list_next(&text, &item, &length);)
        (*items)[(*count)++] = message_strndup(item, length);
}

static void s_read_strings(json_t *list, char ***items, pb_size_t *count) {
    size_t size = json_array_size(list);
    *items = message_list(size, sizeof **items);
    *count = (pb_size_t)size;
    for (size_t i = 0; i < size; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        (*items)[i] = message_strdup(text ? text : "");
    }
}

void stage_read_validation_request(const char *input, const char *cycle_id, ValidateCycleRequest *request) {
    json_t *root = json_tree_parse(input), *confidences = json_object_get(root, "confidences");
    const char *as_of = json_string_value(json_object_get(root, "as_of"));
    const char *symbol;
    json_t *confidence;
    size_t i = 0;
    MESSAGE_PUT(request->cycle_id, cycle_id);
    MESSAGE_PUT(request->as_of, as_of ? as_of : "");
    s_read_strings(json_object_get(root, "analyzers"), &request->analyzers, &request->analyzers_count);
    s_read_strings(json_object_get(root, "symbols"), &request->symbols, &request->symbols_count);
    request->confidences = message_list(json_object_size(confidences), sizeof *request->confidences);
    request->confidences_count = (pb_size_t)json_object_size(confidences);
    json_object_foreach (confidences, symbol, confidence) {
        MESSAGE_PUT(request->confidences[i].key, symbol);
        request->confidences[i++].value = json_number_value(confidence);
    }
    json_decref(root);
}

/* Copies the member into a static string field; false when it is no string, or does not fit. */
static bool s_set(json_t *object, const char *key, char *field, size_t capacity) {
    const char *text = json_string_value(json_object_get(object, key));
    return text && message_set(field, capacity, text);
}

static void s_read_signal(json_t *from, RouteSignalRequest *signal) {
    signal->has_signal_type = MESSAGE_SET(signal->signal_type, "analysis");
    signal->has_source = MESSAGE_SET(signal->source, "strategy");
    signal->has_target = MESSAGE_SET(signal->target, "execution");
    signal->has_signal_id = s_set(from, "signal_id", signal->signal_id, sizeof signal->signal_id);
    signal->has_symbol = s_set(from, "symbol", signal->symbol, sizeof signal->symbol);
    signal->has_side = s_set(from, "side", signal->side, sizeof signal->side);
    signal->has_strength = signal->has_confidence = signal->has_priority = signal->has_timestamp = true;
    signal->strength = json_tree_number(from, "strength", 0);
    signal->confidence = json_tree_number(from, "confidence", 0);
    signal->priority = (int32_t)json_tree_number(from, "priority", 3);
    signal->timestamp = (int64_t)json_tree_number(from, "timestamp", 0);
    signal->data = json_tree_text(json_object_get(from, "data"));
    signal->metadata = json_tree_text(json_object_get(from, "metadata"));
}

void stage_read_signals(const char *input, RouteSignalsRequest *request) {
    json_t *root = json_tree_parse(input), *signals = json_object_get(root, "signals");
    size_t count = json_array_size(signals);
    request->signals = message_list(count, sizeof *request->signals);
    request->signals_count = (pb_size_t)count;
    for (size_t i = 0; i < count; i++)
        s_read_signal(json_array_get(signals, i), &request->signals[i]);
    json_decref(root);
}

static json_t *s_result(json_t *sent, const RouteSignalResult *result) {
    static const char *const kept[] = {"signal_id", "symbol", "side", "strength", "confidence"};
    json_t *out = json_object();
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (json_object_get(sent, kept[i]))
            json_object_set(out, kept[i], json_object_get(sent, kept[i]));
    json_object_set_new(out, "status", json_string(result->status));
    json_object_set_new(out, "seq", json_integer(result->has_seq ? (json_int_t)result->seq : 0));
    if (result->error)
        json_object_set_new(out, "error", json_string(result->error));
    return out;
}

/* How many signals were refused, by the code of the refusal; NULL when none was. */
static json_t *s_refusals(const RouteSignalsReply *reply) {
    json_t *counts = NULL;
    for (size_t i = 0; i < reply->results_count; i++) {
        const RouteSignalResult *result = &reply->results[i];
        if (!result->has_error_code)
            continue;
        if (!counts)
            counts = json_object();
        json_int_t before = json_integer_value(json_object_get(counts, result->error_code));
        json_object_set_new(counts, result->error_code, json_integer(before + 1));
    }
    return counts;
}

void stage_read_routing(const char *input, const RouteSignalsReply *reply, char **output, char **summary,
                        uint32_t *produced) {
    json_t *root = json_tree_parse(input), *sent = json_object_get(root, "signals");
    json_t *out = json_object(), *results = json_array();
    for (size_t i = 0; i < reply->results_count; i++)
        json_array_append_new(results, s_result(json_array_get(sent, i), &reply->results[i]));
    json_object_set_new(out, "routing_id", json_string(reply->routing_id));
    json_object_set_new(out, "signals", results);
    *output = json_tree_text(out);
    json_decref(out);
    json_t *counts = json_pack("{s:I, s:I, s:I, s:I}", "sent", (json_int_t)reply->results_count, "accepted",
                               (json_int_t)reply->accepted, "rejected", (json_int_t)reply->rejected,
                               "duplicates", (json_int_t)reply->duplicates);
    json_t *refusals = s_refusals(reply);
    if (refusals)
        json_object_set_new(counts, "refusals", refusals);
    *summary = json_tree_text(counts);
    json_decref(counts);
    json_decref(root);
    *produced = reply->accepted + reply->duplicates;
}

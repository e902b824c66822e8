/* The order of the columns is DELIVERY_COLUMNS'. */
#include "delivery/delivery_row.h"

#include "base/url.h"
#include "tables.gen.h"

enum {
    COLUMN_DELIVERY_ID,
    COLUMN_SIGNAL_ID,
    COLUMN_SEQ,
    COLUMN_TARGET,
    COLUMN_STATUS = DELIVERY_ROW_URL + 1,
    COLUMN_ATTEMPTS,
    COLUMN_MAX_ATTEMPTS,
    COLUMN_LAST_STATUS,
    COLUMN_LAST_ERROR,
    COLUMN_CREATED_AT,
    COLUMN_NEXT_ATTEMPT_AT,
    COLUMN_DELIVERED_AT,
    COLUMNS = DELIVERY_ROW_REQUEST_ID + 1
};

static bool s_read_text(const store_row_t *row, size_t column, char *field, size_t capacity) {
    const char *text = store_row_text(row, column);
    return text && message_set(field, capacity, text);
}

#define READ_TEXT(row, column, field) s_read_text(row, column, (field), sizeof(field))

err_t delivery_row_read(const store_row_t *row, Delivery *delivery) {
    if (store_row_columns(row) < COLUMNS || !READ_TEXT(row, COLUMN_DELIVERY_ID, delivery->delivery_id) ||
        !READ_TEXT(row, COLUMN_SIGNAL_ID, delivery->signal_id) ||
        !READ_TEXT(row, COLUMN_TARGET, delivery->target) ||
        !READ_TEXT(row, COLUMN_STATUS, delivery->status) || !store_row_text(row, DELIVERY_ROW_URL))
        return ERR_INTERNAL;
    delivery->url = url_mask(store_row_text(row, DELIVERY_ROW_URL));
    delivery->attempts = (uint32_t)store_row_int(row, COLUMN_ATTEMPTS);
    delivery->max_attempts = (uint32_t)store_row_int(row, COLUMN_MAX_ATTEMPTS);
    delivery->has_last_status = !store_row_is_null(row, COLUMN_LAST_STATUS);
    delivery->last_status = (int32_t)store_row_int(row, COLUMN_LAST_STATUS);
    delivery->last_error = message_strdup(store_row_text(row, COLUMN_LAST_ERROR));
    delivery->created_at = store_row_int(row, COLUMN_CREATED_AT);
    delivery->has_next_attempt_at = !store_row_is_null(row, COLUMN_NEXT_ATTEMPT_AT);
    delivery->next_attempt_at = store_row_int(row, COLUMN_NEXT_ATTEMPT_AT);
    delivery->has_delivered_at = !store_row_is_null(row, COLUMN_DELIVERED_AT);
    delivery->delivered_at = store_row_int(row, COLUMN_DELIVERED_AT);
    return OK;
}

/* An event that changes a signal whose first event is no longer kept holds only a part of it. */
static bool s_is_whole(const Signal *signal) {
    return *signal->signal_type && signal->data && signal->metadata;
}

bool delivery_row_signal(const store_row_t *row, Signal *signal) {
    size_t size;
    const void *payload = store_row_is_null(row, DELIVERY_ROW_PAYLOAD)
                              ? NULL
                              : store_row_blob(row, DELIVERY_ROW_PAYLOAD, &size);
    if (!payload || message_decode(Signal_message(), payload, size, signal) != OK)
        return false;
    if (s_is_whole(signal))
        return true;
    message_release(Signal_message(), signal);
    return false;
}

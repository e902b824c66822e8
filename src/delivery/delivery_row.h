/* A delivery as a row of the store. Any thread. */
#pragma once

#include "integration/v1/signals.pb.h"
#include "store/store.h"

/* Columns of DELIVERY_COLUMNS that a Delivery does not show, or not as they are. */
enum {
    DELIVERY_ROW_SCOPE = 4,
    DELIVERY_ROW_URL,
    DELIVERY_ROW_TRACEPARENT = 14,
    DELIVERY_ROW_REQUEST_ID,
    DELIVERY_ROW_PAYLOAD /* of delivery_next */
};

/* Fills a zeroed delivery (message_release frees it), with the credentials of its url masked. ERR_INTERNAL when the row
 * does not begin with DELIVERY_COLUMNS. */
ERR_MUST_USE
err_t delivery_row_read(const store_row_t *row, Delivery *delivery);

/* The Signal of a row of delivery_next in a zeroed struct; false, and zeroed again, when the event that holds all of it
 * is not kept. */
ERR_MUST_USE
bool delivery_row_signal(const store_row_t *row, Signal *signal);

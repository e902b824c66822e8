/* What the answer of a list route is made of: a page of rows and the count of all, asked side by side.
 *
 * The reply's message has the list, `total`, `limit` and `offset`. The page's statement takes the parameters of the
 * count's and then limit and offset. Actor thread. */
#pragma once

#include "store/store.h"
#include <stddef.h>

enum { LISTING_LIMIT_DEFAULT = 20 };

/* Fills the zeroed item. An error fails the whole call. */
typedef err_t listing_read_fn(const store_row_t *row, void *item);

typedef struct {
    const message_t *(*reply)(void);
    size_t reply_size, item_size;
    size_t items, items_count, total, limit, offset; /* of the fields in the reply */
    listing_read_fn *read;
} listing_kind_t;

/* The offset of a field, which is written as a `type`: one of another type does not compile. */
#define LISTING_FIELD(Reply, field, type) _Generic(((Reply *)0)->field, type : offsetof(Reply, field))

/* The kind of listing whose reply is of type `Reply` with the repeated field `field`. */
#define LISTING_KIND(Reply, field, read_item)                                                            \
    {                                                                                                    \
        .reply = Reply##_message, .reply_size = sizeof(Reply), .item_size = sizeof *((Reply *)0)->field, \
        .items = offsetof(Reply, field), .items_count = offsetof(Reply, field##_count),                  \
        .total = LISTING_FIELD(Reply, total, int64_t), .limit = LISTING_FIELD(Reply, limit, int32_t),    \
        .offset = LISTING_FIELD(Reply, offset, int32_t), .read = read_item,                              \
    }

/* limit and offset of a request that may leave them out. */
#define LISTING_LIMIT(request)  ((request)->has_limit ? (request)->limit : LISTING_LIMIT_DEFAULT)
#define LISTING_OFFSET(request) ((request)->has_offset ? (request)->offset : 0)

typedef struct {
    const listing_kind_t *kind;
    int32_t limit, offset;
    const char *page, *count; /* statements */
    size_t *open;             /* counts the listings that are not answered yet; may be NULL */
} listing_t;

/* Asks the store, with the parameters of `count` as for store_query, and answers the call. */
void listing_start(actor_t *actor, call_t *call, listing_t listing, const char *format, ...);

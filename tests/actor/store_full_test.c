/* A disk that is full, and has room again: here a database that may not grow. */
#include "store_fixture.h"

/* Pages of 2 KiB: what the schema needs, and about a megabyte. */
static const migration_t s_small = {9000, "", "small", "PRAGMA max_page_count = 700;"};

static migration_t *s_small_schema(store_schema_t *schema) {
    migration_t *list = calloc(migrations_count + 1, sizeof *list);
    cr_assert(list);
    memcpy(list, migrations_all, migrations_count * sizeof *list);
    list[migrations_count] = s_small;
    list[migrations_count].version = list[migrations_count - 1].version + 1;
    *schema = (store_schema_t){list, migrations_count + 1};
    return list;
}

static err_t s_put(fixture_t *f, const char *key, size_t size, char why[256]) {
    Fault fault = Fault_init_zero;
    StoreWritten written;
    store_write_t *write = store_write_new();
    char *value = calloc(size + 1, 1);
    cr_assert(value);
    memset(value, 'v', size);
    add_state(write, NULL, key, value);
    err_t err = commit_to(f, "store", &write, &written, &fault);
    snprintf(why, 256, "%s", fault.message ? fault.message : "");
    message_release(Fault_message(), &fault);
    written_free(&written);
    free(value);
    return err;
}

static bool s_store_is(fixture_t *f, const char *status, const char *reason) {
    Envelope envelope = harness_envelope(HARNESS_MS);
    ComponentStatus is = ComponentStatus_init_zero;
    Fault fault = Fault_init_zero;
    cr_assert_eq(bus_client_request_to(f->harness.client, "store", &rpc_Actor_Describe, &envelope,
                                       &(DescribeRequest)DescribeRequest_init_zero, &is, &fault),
                 OK);
    bool same = strcmp(is.status, status) == 0 && (!reason || (is.reason && strstr(is.reason, reason)));
    message_release(ComponentStatus_message(), &is);
    return same;
}

static bool s_is_running(void *context) {
    return s_store_is(context, "running", NULL);
}

Test(store_sqlite, a_full_disk_is_said_until_there_is_room_again, .timeout = 60) {
    fixture_t f;
    store_schema_t schema;
    char why[256];
    fixture_begin(&f, false);
    migration_t *list = s_small_schema(&schema);
    fixture_start_actors(&f, &schema);
    cr_assert(s_store_is(&f, "running", NULL));
    cr_assert_eq(s_put(&f, "much", 900000, why), OK, "%s", why);
    cr_assert_eq(s_put(&f, "too_much", 900000, why), ERR_STORE_UNAVAILABLE);
    cr_expect(strstr(why, "the disk is full"), "%s", why);
    cr_expect(s_store_is(&f, "degraded", "the disk is full"));
    cr_expect_eq(s_put(&f, "little", 10, why), OK, "%s", why);
    cr_expect(s_store_is(&f, "degraded", "the disk is full"), "a small write says little");
    cr_assert_eq(s_put(&f, "much", 1, why), OK, "%s", why);
    harness_until(s_is_running, &f, "the store takes writes again");
    cr_expect_eq(s_put(&f, "too_much", 500000, why), OK, "%s", why);
    fixture_end(&f);
    free(list);
}

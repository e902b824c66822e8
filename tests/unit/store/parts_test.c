/* The small parts: configuration, running keys, topics. */
#include "store/running_keys.h"
#include "store/store_config.h"
#include "store/topics.h"

#include "store/link.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static store_config_t s_read(const char *url, err_t expected) {
    config_t config = {.data_dir = (char *)"/data", .database_url = (char *)url};
    store_config_t read;
    buf_t why = BUF_INIT;
    cr_assert_eq(store_config_read(&read, &config, &why), expected);
    cr_assert_eq(why.size > 0, expected != OK);
    buf_free(&why);
    return read;
}

Test(store_config, without_url_the_database_is_in_the_data_directory, .timeout = 10) {
    store_config_t read = s_read("", OK);
    cr_assert_eq(read.kind, STORE_SQLITE);
    cr_assert_str_eq(read.path, "/data/integration.db");
    store_config_free(&read);
}

Test(store_config, the_scheme_chooses_the_engine, .timeout = 10) {
    store_config_t read = s_read("sqlite:///var/lib/x.db", OK);
    cr_assert_str_eq(read.path, "/var/lib/x.db");
    store_config_free(&read);
    read = s_read("postgres://u@h/d", OK);
    cr_assert_eq(read.kind, STORE_POSTGRES);
    cr_assert_str_eq(read.url, "postgres://u@h/d");
    store_config_free(&read);
    s_read("mysql://h/d", ERR_BAD_CONFIG);
    s_read("sqlite:///", ERR_BAD_CONFIG);
}

Test(running_keys, a_key_is_running_until_it_is_removed_or_expires, .timeout = 10) {
    running_keys_t *keys = running_keys_new();
    idempotency_key_t a = {"p", "POST /x", "k"}, b = {"p", "POST /xk", ""};
    uint64_t hash = 0;
    cr_assert_eq(running_keys_add(keys, a, 1, 100), OK);
    cr_assert(!running_keys_find(keys, b, &hash), "the parts do not run together");
    cr_assert_eq(running_keys_add(keys, b, 2, 200), OK);
    cr_assert(running_keys_find(keys, b, &hash));
    cr_assert_eq(hash, 2);
    running_keys_expire(keys, 200);
    cr_assert(!running_keys_find(keys, a, &hash));
    cr_assert(running_keys_find(keys, b, &hash));
    running_keys_remove(keys, b);
    running_keys_remove(keys, b);
    cr_assert(!running_keys_find(keys, b, &hash));
    running_keys_destroy(&keys);
}

Test(running_keys, are_bounded, .timeout = 30) {
    running_keys_t *keys = running_keys_new();
    char name[16];
    for (int i = 0; i < RUNNING_KEYS_MAX; i++) {
        snprintf(name, sizeof name, "%d", i);
        cr_assert_eq(running_keys_add(keys, (idempotency_key_t){"p", "o", name}, 1, 1), OK);
    }
    cr_assert_eq(running_keys_add(keys, (idempotency_key_t){"p", "o", "more"}, 1, 1), ERR_OVERLOADED);
    running_keys_destroy(&keys);
}

Test(topics, counts_are_true_once_committed_and_the_oldest_leave_once_they_are_saved, .timeout = 30) {
    char dir[] = "/tmp/integration-topics-XXXXXX", command[64];
    config_t config = {.data_dir = mkdtemp(dir)};
    link_t link;
    cr_assert_eq(link_init(&link, &config, NULL, false), OK);
    cr_assert_eq(link_open(&link), OK);
    topics_t *topics = topics_new(2);
    topic_t *topic;
    cr_assert_eq(topics_touch(topics, link.engine, "a", &topic), OK);
    topic->count++;
    topics_undo(topics);
    cr_assert_eq(topics_touch(topics, link.engine, "a", &topic), OK);
    cr_assert_eq(topic->count, 0);
    topic->count++;
    topics_commit(topics);
    for (const char *name = "bcd"; *name; name++) {
        char one[2] = {*name, '\0'};
        cr_assert_eq(topics_touch(topics, link.engine, one, &topic), OK);
    }
    cr_assert_eq(topics_size(topics), 4, "none leaves during a transaction");
    topics_commit(topics);
    topic_t *const *unsaved;
    cr_assert_eq(topics_size(topics), 4, "the oldest is not in the store yet");
    cr_assert_eq(topics_unsaved(topics, &unsaved), 1);
    cr_assert_str_eq(unsaved[0]->name, "a");
    cr_assert_eq(unsaved[0]->last, 1);
    topics_saved(topics);
    cr_assert_eq(topics_unsaved(topics, &unsaved), 0);
    cr_assert_eq(topics_size(topics), 2);
    cr_assert_eq(topics_touch(topics, link.engine, "a", &topic), OK);
    cr_assert_eq(topic->last, 0, "read from the store again, where nobody wrote it");
    topics_destroy(&topics);
    link_free(&link);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

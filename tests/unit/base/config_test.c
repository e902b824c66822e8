/* Settings from defaults, environment and command line: values, precedence, and every refusal. */
#include "config_try.h"

#include <fcntl.h>
#include <sys/stat.h>

static char s_dir[] = "/tmp/config-test-XXXXXX";

static void s_setup(void) {
    config_try_enter(s_dir);
}

static void s_teardown(void) {
    config_try_leave(s_dir);
}

TestSuite(config, .timeout = 20, .init = s_setup, .fini = s_teardown);

#define SHA "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"

Test(config, every_default_is_valid_and_is_that_of_the_contract) {
    config_t *config = config_try_good(NULL, NULL, NULL);
    cr_assert_str_eq(config->host, "0.0.0.0");
    cr_assert_eq(config->port, 8088);
    cr_assert_not(config->debug);
    cr_assert_str_eq(config->data_dir, "./data");
    cr_assert_str_eq(config->database_url, "");
    cr_assert(config->scheduler_enabled);
    cr_assert_str_eq(config->scheduler_timezone, "Asia/Shanghai");
    cr_assert_str_eq(config->log_level, "INFO");
    cr_assert_eq(config->max_body_bytes, 1048576);
    cr_assert_str_eq(config->stream_url, "tcp://127.0.0.1:5556");
    cr_assert_eq(config->cache_max_bytes, 536870912);
    cr_assert_str_eq(config->services[SERVICE_EXECUTION].url, "http://execution-service:8087");
    cr_assert_eq(config->services[SERVICE_MACRO].timeout_ms, 60000);
    cr_assert_eq(config->shutdown_seconds, 10);
    cr_assert_eq(config->key_count, 0);
    cr_assert_eq(config->signal_route_count, 0);
    config_destroy(&config);
    cr_assert_null(config);
}

Test(config, names_of_settings_are_unique_in_every_spelling) {
    for (int i = 0; i < SETTING_COUNT; i++) {
        for (int j = 0; j < i; j++) {
            cr_assert_str_neq(settings[i].env, settings[j].env);
            cr_assert_str_neq(settings[i].yaml, settings[j].yaml);
            cr_assert_str_neq(settings[i].field, settings[j].field);
        }
        cr_assert_not_null(strchr(settings[i].yaml, '.'));
        cr_assert(strlen(settings[i].text) > 0);
    }
}

/* The environment entry of the row; static memory. */
static char *s_entry(int row, const char *value) {
    static char entry[256];
    snprintf(entry, sizeof entry, "%s=%s", settings[row].env, value);
    return entry;
}

Test(config, every_number_takes_its_bounds_and_refuses_what_is_beyond) {
    for (int row = 0; row < SETTING_COUNT; row++) {
        const setting_t *setting = &settings[row];
        if (setting->type != SETTING_TYPE_INT)
            continue;
        const int64_t bounds[] = {setting->min, setting->max};
        for (int i = 0; i < 2; i++) {
            char text[32];
            snprintf(text, sizeof text, "%lld", (long long)bounds[i]);
            config_t *config = config_try_good(NULL, ARGS(s_entry(row, text)), NULL);
            cr_assert_eq(*setting_int(config, setting), bounds[i], "%s", setting->env);
            config_destroy(&config);
            char expected[128];
            snprintf(text, sizeof text, "%lld", (long long)bounds[i] + (i ? 1 : -1));
            snprintf(expected, sizeof expected,
                     "environment: %s: \"%s\" is out of range; allowed: %lld to %lld\n", setting->env, text,
                     (long long)setting->min, (long long)setting->max);
            config_try_bad_env(s_entry(row, text), expected);
        }
    }
}

Test(config, every_number_refuses_what_is_no_whole_number) {
    const char *const bad[] = {"1.5", "12a", "0x10", "1e3", "-", "+5", "ten"};
    for (int row = 0; row < SETTING_COUNT; row++) {
        for (size_t i = 0; settings[row].type == SETTING_TYPE_INT && i < sizeof bad / sizeof *bad; i++) {
            char expected[128];
            snprintf(expected, sizeof expected,
                     "environment: %s: \"%s\" is not a whole number; allowed: ", settings[row].env, bad[i]);
            config_try_bad_env(s_entry(row, bad[i]), expected);
        }
    }
    config_try_bad_env(
        "INTEGRATION_RATE_LIMIT=99999999999999999999",
        "environment: INTEGRATION_RATE_LIMIT: \"99999999999999999999\" is out of range; allowed: 0 "
        "to 1000000\n");
}

Test(config, every_truth_value_takes_its_eight_words_and_no_other) {
    const char *const words[] = {"true", "1", "YES", "on", "False", "0", "no", "off"};
    for (int row = 0; row < SETTING_COUNT; row++) {
        if (settings[row].type != SETTING_TYPE_BOOL)
            continue;
        for (int i = 0; i < 8; i++) {
            config_t *config = config_try_good(NULL, ARGS(s_entry(row, words[i])), NULL);
            cr_assert_eq(*setting_bool(config, &settings[row]), i < 4);
            config_destroy(&config);
        }
        char expected[128];
        snprintf(expected, sizeof expected,
                 "environment: %s: \"maybe\" is neither true nor false; allowed: true, false\n",
                 settings[row].env);
        config_try_bad_env(s_entry(row, "maybe"), expected);
    }
}

Test(config, every_word_setting_takes_each_of_its_words_and_no_other) {
    for (int row = 0; row < SETTING_COUNT; row++) {
        const setting_t *setting = &settings[row];
        if (setting->type != SETTING_TYPE_STRING ||
            (setting->check != CHECK_WORD && setting->check != CHECK_WORD_UPPER))
            continue;
        char words[256], *rest = words;
        snprintf(words, sizeof words, "%s", setting->allowed);
        for (char *word; (word = strsep(&rest, "|"));) {
            config_t *config = config_try_good(NULL, ARGS(s_entry(row, word)), NULL);
            cr_assert_str_eq(*setting_string(config, setting), word);
            config_destroy(&config);
        }
        char expected[128];
        snprintf(expected, sizeof expected, "environment: %s: \"", setting->env);
        config_try_bad_env(s_entry(row, "bogus"), expected);
    }
}

/* Bad values for each kind of check; a kind that is missing here fails. */
static const char *const s_bad_values[] = {
    [CHECK_HOST] = "not-an-address",
    [CHECK_NAME] = "two words",
    [CHECK_WORD] = "bogus",
    [CHECK_WORD_UPPER] = "bogus",
    [CHECK_WORDS] = "batch_daily_ohlc,bogus",
    [CHECK_WORDS_OR_ALL] = "direction_conflict,bogus",
    [CHECK_ORIGINS] = "http://a/path",
    [CHECK_URL] = "ftp://host",
    [CHECK_DATABASE] = "mysql://host/db",
    [CHECK_REDIS] = "http://host",
    [CHECK_ENDPOINT] = "udp://127.0.0.1:1",
    [CHECK_TIMEZONE] = "Mars/Olympus",
    [CHECK_KEYS] = "nonsense",
    [CHECK_FILE] = "/nonexistent/file",
    [CHECK_FILE_TO_MAKE] = "/nonexistent/file",
    [CHECK_DIR] = "/nonexistent",
    [CHECK_DIR_TO_MAKE] = "/dev/null",
};

Test(config, every_text_setting_refuses_a_bad_value_naming_itself_and_what_is_allowed) {
    for (int row = 0; row < SETTING_COUNT; row++) {
        if (settings[row].type != SETTING_TYPE_STRING)
            continue;
        config_try_t try = config_try(NULL, ARGS(s_entry(row, s_bad_values[settings[row].check])), NULL);
        cr_assert_eq(try.err, ERR_BAD_CONFIG, "%s", settings[row].env);
        char start[128];
        snprintf(start, sizeof start, "environment: %s: ", settings[row].env);
        cr_assert_eq(strncmp(try.problems, start, strlen(start)), 0, "%s", try.problems);
        cr_assert_not_null(strstr(try.problems, "; allowed: "), "%s", try.problems);
        config_try_free(&try);
    }
}

Test(config, all_problems_are_listed_at_once) {
    config_try_t try =
        config_try("integration:\n  port: 99999\n  colour: red\nlog: {level: loud}\n",
                   ARGS("INTEGRATION_RATE_LIMIT=x", "INTEGRATION_UNKNOWN=1", "REDIS_URL=rediss://h"),
                   ARGS("--bogus", "--cache-policy=fifo"));
    cr_assert_eq(try.err, ERR_BAD_CONFIG);
    cr_assert_eq(try.problem_count, 8, "%s", try.problems);
    cr_assert_not_null(strstr(
        try.problems, "config.yaml:2: integration.port: \"99999\" is out of range; allowed: 0 to 65535\n"));
    cr_assert_not_null(strstr(try.problems, "config.yaml:3: integration.colour: is not a setting"));
    cr_assert_not_null(strstr(
        try.problems,
        "config.yaml:4: log.level: \"loud\" is not one of the words; allowed: DEBUG, INFO, WARNING, ERROR, CRITICAL\n"));
    cr_assert_not_null(strstr(try.problems, "environment: INTEGRATION_RATE_LIMIT: "));
    cr_assert_not_null(strstr(try.problems, "environment: INTEGRATION_UNKNOWN: is not a setting"));
    cr_assert_not_null(strstr(try.problems, "environment: REDIS_URL: \"rediss://h\" asks for TLS"));
    cr_assert_not_null(strstr(try.problems, "command line: --bogus: is not a flag"));
    cr_assert_not_null(strstr(
        try.problems,
        "command line: --cache-policy: \"fifo\" is not one of the words; allowed: lru, lfu, ttl, adaptive\n"));
    config_try_free(&try);
}

Test(config, flag_beats_environment_beats_file_beats_default) {
    const char *yaml = "integration: {port: 1001, host: 127.0.0.1, max_in_flight: 7}\n";
    config_t *config = config_try_good(yaml, ARGS("INTEGRATION_PORT=1002", "INTEGRATION_HOST=127.0.0.2"),
                                       ARGS("--port", "1003"));
    cr_assert_eq(config->port, 1003);
    cr_assert_str_eq(config->host, "127.0.0.2");
    cr_assert_eq(config->max_in_flight, 7);
    cr_assert_eq(config->http_threads, 64);
    config_destroy(&config);
}

Test(config, a_bad_value_is_a_problem_even_where_a_better_source_overrides_it) {
    config_try_bad("integration: {port: many}\n", ARGS("INTEGRATION_PORT=1"), NULL,
                   "config.yaml:1: integration.port: \"many\" is not a whole number; allowed: 0 to 65535\n");
}

Test(config, empty_means_unset_except_for_the_stream_addresses_where_it_means_off) {
    config_t *config =
        config_try_good(NULL,
                        ARGS("INTEGRATION_PORT=", "LOG_FILE=", "SCHEDULER_ENABLED=", "LOG_LEVEL= ",
                             "INTEGRATION_STREAM_URL=", "INTEGRATION_REPLAY_URL="),
                        NULL);
    cr_assert_eq(config->port, 8088);
    cr_assert_str_eq(config->log_file, "");
    cr_assert(config->scheduler_enabled);
    cr_assert_str_eq(config->log_level, "INFO");
    cr_assert_str_eq(config->stream_url, "");
    cr_assert_str_eq(config->replay_url, "");
    config_destroy(&config);
}

Test(config, values_are_brought_into_their_usual_form) {
    config_t *config = config_try_good(
        NULL,
        ARGS("LOG_LEVEL=warning", "DATASETS_REQUIRED= suspend_data , industry_board,concept_board ",
             "SIGNALS_AUTO_RESOLVE=timing_conflict, strength_conflict", "MACRO_SERVICE_URL=http://h:1/api/"),
        NULL);
    cr_assert_str_eq(config->log_level, "WARNING");
    cr_assert_str_eq(config->datasets_required, "suspend_data,industry_board,concept_board");
    cr_assert_str_eq(config->signals_auto_resolve, "timing_conflict,strength_conflict");
    cr_assert(config_list_has(config->signals_auto_resolve, "strength_conflict"));
    cr_assert_not(config_list_has(config->signals_auto_resolve, "strength"));
    cr_assert_not(config_list_has("", "a"));
    const char *list = config->datasets_required, *item;
    char seen[80] = "";
    for (size_t length; config_list_next(&list, &item, &length);)
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "[%.*s]", (int)length, item);
    cr_assert_str_eq(seen, "[suspend_data][industry_board][concept_board]");
    cr_assert_str_eq(config->macro_service_url, "http://h:1/api");
    cr_assert_eq(config->services[SERVICE_MACRO].url, config->macro_service_url);
    config_destroy(&config);
}

Test(config, unknown_variables_of_our_prefix_are_refused_with_a_hint_and_others_are_not_looked_at) {
    config_try_bad_env(
        "INTEGRATION_PROT=1",
        "environment: INTEGRATION_PROT: is not a setting; did you mean INTEGRATION_PORT?; allowed: those "
        "that --help lists\n");
    config_try_bad_env(
        "INTEGRATION_LOG_LEVEL=INFO",
        "environment: INTEGRATION_LOG_LEVEL: is not a setting; did you mean LOG_LEVEL?; allowed: those that --help lists\n");
    config_try_bad_env(
        "INTEGRATION_ZZZZZZZZZZZZ=1",
        "environment: INTEGRATION_ZZZZZZZZZZZZ: is not a setting; allowed: those that --help lists\n");
    config_t *config =
        config_try_good(NULL, ARGS("SIGNALS_WHATEVER=1", "PATH=/bin", "integration_port=x", "ODD"), NULL);
    config_destroy(&config);
}

Test(config, flags_are_taken_with_a_blank_or_an_equals_sign_and_unknown_ones_refused) {
    config_t *config =
        config_try_good(NULL, NULL, ARGS("--host", "127.0.0.1", "--stream-url=", "--log-level=debug"));
    cr_assert_str_eq(config->host, "127.0.0.1");
    cr_assert_str_eq(config->stream_url, "");
    cr_assert_str_eq(config->log_level, "DEBUG");
    config_destroy(&config);
    config_try_bad(
        NULL, NULL, ARGS("--prot=1"),
        "command line: --prot: is not a flag; did you mean --port?; allowed: those that --help lists\n");
    config_try_bad(NULL, NULL, ARGS("serve"),
                   "command line: serve: is not a flag; allowed: those that --help lists\n");
    config_try_bad(NULL, NULL, ARGS("--port"), "command line: --port: needs a value\n");
    config_try_bad(NULL, NULL, ARGS("--port=1", "--port=2"), "command line: --port=2: is given twice\n");
    config_try_bad(NULL, NULL, ARGS("--config"), "command line: --config: needs a value\n");
    config_try_bad(NULL, NULL, ARGS("--"),
                   "command line: --: is not a flag; allowed: those that --help lists\n");
    config_try_bad(
        NULL, NULL, ARGS("--api-keys=a:read:" SHA),
        "command line: --api-keys: a secret on the command line is visible to all; allowed: environment "
        "or file\n");
}

Test(config, help_and_version_need_no_valid_settings) {
    config_try_t try = config_try(NULL, ARGS("INTEGRATION_PORT=bad"), ARGS("--help"));
    cr_assert(try.err == OK && try.flags.help && !try.config);
    config_try_free(&try);
    try = config_try(NULL, ARGS("INTEGRATION_PORT=bad"), ARGS("--version"));
    cr_assert(try.err == OK && try.flags.version && !try.config);
    config_try_free(&try);
    try = config_try(NULL, NULL, ARGS("--check-config"));
    cr_assert(try.err == OK && try.flags.check_config && try.config);
    config_try_free(&try);
}

Test(config, ipv6_hosts_are_refused_with_the_reason) {
    config_try_bad_env(
        "INTEGRATION_HOST=::",
        "environment: INTEGRATION_HOST: \"::\" is IPv6, which the HTTP server of this build cannot "
        "listen on; allowed: an IPv4 address or localhost\n");
}

Test(config, database_urls) {
    const char *const good[] = {"postgresql://u:p@h:5432/db", "postgres://h/db",
                                "postgresql:///db?host=/run/pg", "sqlite:////var/lib/x.db", "sqlite:///x.db"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        config_t *config = config_try_good(NULL, ARGS(s_entry(SETTING_database_url, good[i])), NULL);
        cr_assert_str_eq(config->database_url, good[i]);
        config_destroy(&config);
    }
    const char *const bad[] = {"sqlite:///", "sqlite://x.db", "postgresql+asyncpg://h/db", "/var/lib/x.db",
                               "postgresql://h:0/db"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        config_try_bad_env(s_entry(SETTING_database_url, bad[i]), "environment: DATABASE_URL: ");
}

Test(config, redis_urls) {
    const char *const good[] = {"redis://h", "redis://:p@h:6379/3", "redis://127.0.0.1:1/"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        config_t *config = config_try_good(NULL, ARGS(s_entry(SETTING_redis_url, good[i])), NULL);
        config_destroy(&config);
    }
    const char *const bad[] = {"redis://",      "redis://h:0", "redis://h/x",
                               "redis://h/0/1", "h:6379",      "redis://h/1?a=b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        config_try_bad_env(s_entry(SETTING_redis_url, bad[i]), "environment: REDIS_URL: ");
    config_try_bad_env(
        "REDIS_URL=rediss://h:6380/0",
        "environment: REDIS_URL: \"rediss://h:6380/0\" asks for TLS, which the Redis library of this "
        "build cannot do; allowed: redis://[:password@]host:port/db\n");
}

Test(config, time_zones_must_exist_and_cannot_leave_their_directory) {
    const char *const bad[] = {"../../../etc/passwd", "/etc/passwd", "Asia", "Asia/Shanghai;", "UTC "};
    for (size_t i = 0; i < 4; i++)
        config_try_bad_env(s_entry(SETTING_scheduler_timezone, bad[i]), "environment: SCHEDULER_TIMEZONE: ");
    config_t *config = config_try_good(NULL, ARGS(s_entry(SETTING_scheduler_timezone, bad[4])), NULL);
    cr_assert_str_eq(config->scheduler_timezone, "UTC");
    config_destroy(&config);
}

Test(config, api_keys_are_parsed_with_their_highest_scope) {
    config_t *config = config_try_good(
        NULL, ARGS("INTEGRATION_API_KEYS=alice:read+operate:" SHA ", bob:admin:" SHA "\n\n eve : read :" SHA),
        NULL);
    cr_assert_eq(config->key_count, 3);
    cr_assert_str_eq(config->keys[0].name, "alice");
    cr_assert_eq(config->keys[0].scope, SCOPE_OPERATE);
    cr_assert_eq(config->keys[1].scope, SCOPE_ADMIN);
    cr_assert_str_eq(config->keys[2].name, "eve");
    cr_assert_eq(config->keys[0].sha256[0], 0x01);
    cr_assert_eq(config->keys[0].sha256[31], 0xef);
    config_destroy(&config);
}

Test(config, bad_api_keys_are_named_by_number_and_never_shown) {
    config_try_t try = config_try(NULL,
                                  ARGS("INTEGRATION_API_KEYS=a:read:" SHA ",secret,b:write:" SHA
                                       ",c:read:secret,a:read:" SHA ", :read:" SHA),
                                  NULL);
    cr_assert_eq(try.problem_count, 5, "%s", try.problems);
    cr_assert_null(strstr(try.problems, "secret"));
    cr_assert_not_null(strstr(try.problems, "INTEGRATION_API_KEYS: entry 2 is not name:scopes:sha256hex"));
    cr_assert_not_null(strstr(try.problems, "entry 3 has an unknown scope"));
    cr_assert_not_null(strstr(try.problems, "entry 4 has a hash"));
    cr_assert_not_null(strstr(try.problems, "entry 5 has the name of an earlier key"));
    cr_assert_not_null(strstr(try.problems, "entry 6 has a name"));
    config_try_free(&try);
}

Test(config, the_api_key_file_is_read_and_its_bad_lines_listed) {
    FILE *file = fopen("keys", "we");
    fputs("# people\nalice:read:" SHA "\n\nbob:admin:short\n", file);
    fclose(file);
    config_try_bad(NULL, ARGS("INTEGRATION_API_KEYS_FILE=keys"), NULL,
                   "keys:4: api_keys_file: the entry has a hash that is not 64 hexadecimal digits");
    file = fopen("keys", "we");
    fputs("# people\nalice:read:" SHA, file);
    fclose(file);
    config_t *config = config_try_good(
        NULL, ARGS("INTEGRATION_API_KEYS_FILE=keys", "INTEGRATION_API_KEYS=bob:admin:" SHA), NULL);
    cr_assert_eq(config->key_count, 2);
    config_destroy(&config);
    unlink("keys");
}

Test(config, tls_needs_both_or_neither_and_readable_files) {
    config_try_bad_env(
        "INTEGRATION_TLS_CERT=/etc/passwd",
        "environment: INTEGRATION_TLS_CERT: is set without INTEGRATION_TLS_KEY; allowed: both or "
        "neither\n");
    config_try_bad(
        NULL, ARGS("INTEGRATION_TLS_CERT=/etc/passwd", "INTEGRATION_TLS_KEY=/etc"), NULL,
        "environment: INTEGRATION_TLS_KEY: \"/etc\" is a directory; allowed: a readable PEM file\n");
    config_t *config = config_try_good(
        NULL, ARGS("INTEGRATION_TLS_CERT=/etc/passwd", "INTEGRATION_TLS_KEY=/etc/group"), NULL);
    config_destroy(&config);
}

Test(config, a_stream_beyond_loopback_needs_curve_or_an_explicit_insecure) {
    char *address = "INTEGRATION_STREAM_URL=tcp://0.0.0.0:5556";
    config_try_bad_env(
        address, "environment: INTEGRATION_STREAM_URL: \"tcp://0.0.0.0:5556\" is not a loopback address");
    config_try_bad_env("INTEGRATION_REPLAY_URL=tcp://*:7777", "environment: INTEGRATION_REPLAY_URL: ");
    config_t *config = config_try_good(NULL, ARGS(address, "INTEGRATION_STREAM_INSECURE=true"), NULL);
    config_destroy(&config);
    config = config_try_good(NULL, ARGS(address, "INTEGRATION_CURVE_DIR=curve"), NULL);
    config_destroy(&config);
    config = config_try_good(
        NULL, ARGS("INTEGRATION_STREAM_URL=tcp://localhost:1", "INTEGRATION_REPLAY_URL=tcp://127.1.2.3:*"),
        NULL);
    config_destroy(&config);
}

Test(config, listeners_need_ports_of_their_own) {
    config_try_bad_env(
        "INTEGRATION_PORT=5556",
        "environment: INTEGRATION_PORT: uses port 5556, as INTEGRATION_STREAM_URL does; allowed: a "
        "port of its own\n");
    config_try_bad_env("INTEGRATION_REPLAY_URL=tcp://127.0.0.1:5556",
                       "environment: INTEGRATION_REPLAY_URL: uses port 5556");
    config_t *config = config_try_good(NULL,
                                       ARGS("INTEGRATION_PORT=0", "INTEGRATION_STREAM_URL=tcp://127.0.0.1:0",
                                            "INTEGRATION_REPLAY_URL=tcp://127.0.0.1:0"),
                                       NULL);
    config_destroy(&config);
}

Test(config, history_is_not_kept_shorter_than_duplicates_are_known) {
    config_try_bad(
        NULL, ARGS("HISTORY_RETENTION_DAYS=2", "SIGNALS_DEDUP_WINDOW_SECONDS=172801"), NULL,
        "environment: HISTORY_RETENTION_DAYS: \"2\" is shorter than SIGNALS_DEDUP_WINDOW_SECONDS, which is "
        "172801; allowed: 0, or at least 3\n");
    config_t *config =
        config_try_good(NULL, ARGS("HISTORY_RETENTION_DAYS=2", "SIGNALS_DEDUP_WINDOW_SECONDS=172800"), NULL);
    config_destroy(&config);
    config = config_try_good(NULL, ARGS("HISTORY_RETENTION_DAYS=0", "SIGNALS_DEDUP_WINDOW_SECONDS=31536000"),
                             NULL);
    config_destroy(&config);
}

Test(config, printing_masks_secrets_and_says_where_values_come_from) {
    config_t *config = config_try_good(
        "log:\n  level: error\n",
        ARGS("INTEGRATION_API_KEYS=alice:read:" SHA, "DATABASE_URL=postgresql://u:hush@h/db?sslpassword=hush",
             "REDIS_URL=redis://:hush@h", "MACRO_SERVICE_URL=http://u:hush@macro"),
        ARGS("--port=9"));
    char *text = config_try_print(config);
    cr_assert_null(strstr(text, "hush"));
    cr_assert_null(strstr(text, "0123456789abcdef"));
    cr_assert_not_null(strstr(text, "\n  # api_keys: \"***\"  # environment\n"), "%s", text);
    cr_assert_not_null(strstr(text, "\n  url: \"postgresql://u:***@h/db?sslpassword=***\"  # environment\n"));
    cr_assert_not_null(strstr(text, "\n  level: \"ERROR\"  # config.yaml:2\n"));
    cr_assert_not_null(strstr(text, "\n  port: 9  # command line\n"));
    cr_assert_not_null(strstr(text, "\n  debug: false  # default\n"));
    free(text);
    config_destroy(&config);
}

/* The text without its comments: only values. */
static void s_drop_comments(char *text) {
    char *out = text;
    for (char *line = text; *line;) {
        char *end = strchr(line, '\n');
        char *comment = strstr(line, "  # ");
        size_t length = (size_t)((comment && comment < end ? comment : end) - line);
        memmove(out, line, length);
        out += length;
        *out++ = '\n';
        line = end + 1;
    }
    *out = '\0';
}

Test(config, what_is_printed_reads_back_as_the_same_configuration) {
    config_t *first = config_try_good(
        "services: {macro: {url: 'http://m:1', timeout_ms: 55, pool_size: 2}}\n"
        "signal_routes: [{target: desk, url: 'http://desk/in', max_attempts: 3}, {target: b, url: 'http://b'}]\n",
        ARGS("INTEGRATION_STREAM_URL=", "LOG_LEVEL=debug", "INTEGRATION_CORS_ORIGINS=http://a,https://b:1",
             "INTEGRATION_ENVIRONMENT=test", "ADAPTER_TIMEOUT_MS=77"),
        NULL);
    char *printed = config_try_print(first);
    config_t *second = config_try_good(printed, NULL, NULL);
    char *again = config_try_print(second);
    s_drop_comments(printed);
    s_drop_comments(again);
    cr_assert_str_eq(printed, again);
    buf_t names = BUF_INIT;
    cr_assert_eq(config_changes(first, second, true, &names), 0);
    cr_assert_eq(config_changes(first, second, false, &names), 0, "%s", buf_str(&names));
    free(printed);
    free(again);
    config_destroy(&first);
    config_destroy(&second);
}

Test(config, changes_are_split_into_reloadable_ones_and_those_that_need_a_restart) {
    config_t *before = config_try_good(NULL, NULL, NULL);
    config_t *after = config_try_good(
        "services: {flowhub: {pool_size: 3}}\nsignal_routes: [{target: a, url: 'http://a'}]\n",
        ARGS("LOG_LEVEL=DEBUG", "INTEGRATION_RATE_LIMIT=5", "INTEGRATION_PORT=1"), NULL);
    buf_t reload = BUF_INIT, restart = BUF_INIT;
    cr_assert_eq(config_changes(before, after, true, &reload), 2);
    cr_assert_str_eq(reload.data, "INTEGRATION_RATE_LIMIT, LOG_LEVEL");
    cr_assert_eq(config_changes(before, after, false, &restart), 3);
    cr_assert_str_eq(restart.data, "INTEGRATION_PORT, services, signal_routes");
    buf_free(&reload);
    buf_free(&restart);
    config_destroy(&before);
    config_destroy(&after);
}

Test(config, help_and_markdown_name_every_setting) {
    char *help, *markdown;
    size_t size;
    FILE *out = open_memstream(&help, &size);
    config_print_help(out);
    fclose(out);
    out = open_memstream(&markdown, &size);
    config_print_markdown(out);
    fclose(out);
    for (int row = 0; row < SETTING_COUNT; row++) {
        cr_assert_not_null(strstr(help, settings[row].env));
        cr_assert_not_null(strstr(markdown, settings[row].env));
        cr_assert_not_null(strstr(markdown, settings[row].yaml));
    }
    free(help);
    free(markdown);
}

Test(config, loopback_addresses) {
    cr_assert(config_is_loopback("127.0.0.1", 9));
    cr_assert(config_is_loopback("127.9.9.9", 9));
    cr_assert(config_is_loopback("localhost", 9));
    cr_assert_not(config_is_loopback("0.0.0.0", 7));
    cr_assert_not(config_is_loopback("128.0.0.1", 9));
    cr_assert_not(config_is_loopback("*", 1));
    cr_assert_not(config_is_loopback("127.0.0.1.example", 17));
}

/* The YAML file: spellings, lists, services, routes, and each refusal with its line. */
#include "config_try.h"

static char s_dir[] = "/tmp/config-yaml-test-XXXXXX";

static void s_setup(void) {
    config_try_enter(s_dir);
}

static void s_teardown(void) {
    config_try_leave(s_dir);
}

TestSuite(config_yaml, .timeout = 20, .init = s_setup, .fini = s_teardown);

Test(config_yaml, every_setting_is_taken_grouped_and_flat) {
    for (int row = 0; row < SETTING_COUNT; row++) {
        const setting_t *setting = &settings[row];
        char yaml[512], flat[64], path[64], *rest = path;
        snprintf(path, sizeof path, "%s", setting->yaml);
        size_t length = 0;
        for (char *part; (part = strsep(&rest, "."));)
            length += (size_t)snprintf(yaml + length, sizeof yaml - length, rest ? "{%s: " : "{%s: \"%s\"",
                                       part, setting->fallback);
        for (const char *p = setting->yaml; p; p = strchr(p, '.') ? strchr(p, '.') + 1 : NULL)
            yaml[length++] = '}';
        yaml[length] = '\0';
        config_t *config = config_try_good(yaml, NULL, NULL);
        bool given = *setting->fallback;
        cr_assert_eq(config->origins->settings[row].kind, given ? ORIGIN_FILE : ORIGIN_DEFAULT, "%s", yaml);
        config_destroy(&config);
        setting_flat_key(setting, flat, sizeof flat);
        snprintf(yaml, sizeof yaml, "# comment\n%s: \"%s\"\n", flat, setting->fallback);
        config = config_try_good(yaml, NULL, NULL);
        cr_assert_eq(config->origins->settings[row].line, given ? 2 : 0, "%s", yaml);
        config_destroy(&config);
    }
}

Test(config_yaml, an_empty_file_and_empty_groups_are_all_defaults) {
    const char *const empty[] = {"",
                                 "# nothing\n",
                                 "---\n",
                                 "{}",
                                 "~",
                                 "integration:\nservices:\nsignal_routes:\n",
                                 "services: {macro: }\nsignal_routes: []\n"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        config_t *config = config_try_good(empty[i], NULL, NULL);
        cr_assert_eq(config->port, 8088);
        cr_assert_eq(config->signal_route_count, 0);
        config_destroy(&config);
    }
}

Test(config_yaml, lists_may_be_sequences) {
    config_t *config = config_try_good("datasets:\n  required:\n    - suspend_data\n    - concept_board\n"
                                       "signals: {auto_resolve: [timing_conflict, priority_conflict]}\n"
                                       "integration_cors_origins: ['http://a', 'http://b']\n",
                                       NULL, NULL);
    cr_assert_str_eq(config->datasets_required, "suspend_data,concept_board");
    cr_assert_str_eq(config->signals_auto_resolve, "timing_conflict,priority_conflict");
    cr_assert_str_eq(config->cors_origins, "http://a,http://b");
    config_destroy(&config);
    config_try_bad("log: {level: [INFO]}", NULL, NULL,
                   "config.yaml:1: log.level: is a list; allowed: one value\n");
    config_try_bad("datasets: {required: [a, [b]]}", NULL, NULL,
                   "config.yaml:1: datasets.required: is a list");
}

Test(config_yaml, services_override_the_adapter_settings_one_by_one) {
    config_t *config =
        config_try_good("adapter: {timeout_ms: 500}\n"
                        "services:\n"
                        "  macro: {url: 'https://macro.example/base', pool_size: 4}\n"
                        "  flowhub:\n"
                        "    timeout_ms: 9000\n"
                        "    max_retries: 0\n"
                        "    health_interval_seconds: 5\n"
                        "    hedge_ms: 250\n"
                        "    max_response_bytes: 4096\n",
                        ARGS("ADAPTER_MAX_RETRIES=2", "ADAPTER_MAX_RESPONSE_BYTES=8192"), NULL);
    const config_service_t *macro = &config->services[SERVICE_MACRO],
                           *flowhub = &config->services[SERVICE_FLOWHUB];
    cr_assert_str_eq(macro->url, "https://macro.example/base");
    cr_assert(macro->pool_size == 4 && macro->timeout_ms == 500 && macro->max_retries == 2);
    cr_assert(flowhub->timeout_ms == 9000 && flowhub->max_retries == 0 &&
              flowhub->health_interval_seconds == 5);
    cr_assert(flowhub->hedge_ms == 250 && flowhub->max_response_bytes == 4096);
    cr_assert(macro->hedge_ms == 0 && macro->max_response_bytes == 8192);
    cr_assert_eq(flowhub->pool_size, 10);
    config_destroy(&config);
}

Test(config_yaml, bad_services_are_refused_with_their_line) {
    config_try_bad(
        "services:\n  macros: {}\n", NULL, NULL,
        "config.yaml:2: services.macros: is not a service; allowed: macro, portfolio, execution, flowhub\n");
    config_try_bad("services:\n  macro:\n    timeout: 3\n", NULL, NULL,
                   "config.yaml:3: services.macro.timeout: is not a setting; allowed: url, timeout_ms");
    config_try_bad(
        "services:\n  macro:\n    pool_size: 0\n", NULL, NULL,
        "config.yaml:3: services.macro.pool_size: \"0\" is not a whole number in range; allowed: 1 to 256\n");
    config_try_bad(
        "services:\n  macro:\n    url: macro:8080\n", NULL, NULL,
        "config.yaml:3: services.macro.url: \"macro:8080\" is not an http or https URL; allowed: ");
    config_try_bad("services: [macro]\n", NULL, NULL,
                   "config.yaml:1: services: is a list; allowed: a mapping of keys to values\n");
}

Test(config_yaml, signal_routes_are_a_list_with_a_default_of_20_attempts) {
    config_t *config = config_try_good("signal_routes:\n  - {target: desk, url: 'http://desk:1/in'}\n"
                                       "  - target: desk\n    url: https://b\n    max_attempts: 3\n",
                                       NULL, NULL);
    cr_assert_eq(config->signal_route_count, 2);
    cr_assert_str_eq(config->signal_routes[0].target, "desk");
    cr_assert_str_eq(config->signal_routes[0].url, "http://desk:1/in");
    cr_assert_eq(config->signal_routes[0].max_attempts, 20);
    cr_assert_eq(config->signal_routes[1].max_attempts, 3);
    config_destroy(&config);
}

Test(config_yaml, bad_signal_routes_are_refused_with_their_line) {
    config_try_bad("signal_routes:\n  - {target: desk}\n", NULL, NULL,
                   "config.yaml:2: signal_routes: a route lacks its url");
    config_try_bad("signal_routes:\n  - {target: 'a b', url: 'http://h'}\n", NULL, NULL,
                   "config.yaml:2: signal_routes.target: \"a b\" is not a target");
    config_try_bad("signal_routes:\n  - {target: a, url: 'ftp://u:hush@h'}\n", NULL, NULL,
                   "config.yaml:2: signal_routes.url: \"ftp://u:***@h\" is not an http or https URL");
    config_try_bad("signal_routes:\n  - {target: a, url: 'http://h', max_attempts: 0}\n", NULL, NULL,
                   "config.yaml:2: signal_routes.max_attempts: \"0\" is not a whole number in range");
    config_try_bad("signal_routes:\n  - {target: a, url: 'http://h', colour: red}\n", NULL, NULL,
                   "config.yaml:2: signal_routes.colour: is not a setting");
    config_try_bad("signal_routes:\n  - {target: a, url: 'http://h'}\n  - {target: a, url: 'http://h'}\n",
                   NULL, NULL,
                   "config.yaml:3: signal_routes: repeats the target and url of an earlier route\n");
    config_try_bad("signal_routes: {target: a}\n", NULL, NULL, "config.yaml:1: signal_routes: is not a list");
}

Test(config_yaml, unknown_keys_are_refused_with_their_line_and_a_hint) {
    config_try_bad("integration:\n  prot: 1\n", NULL, NULL,
                   "config.yaml:2: integration.prot: is not a setting; did you mean integration.port?; "
                   "allowed: those that --help lists\n");
    config_try_bad("\nintegration_prot: 1\n", NULL, NULL,
                   "config.yaml:2: integration_prot: is not a setting; did you mean integration_port?; "
                   "allowed: those that --help lists\n");
    config_try_bad("signal_route: []\n", NULL, NULL,
                   "config.yaml:1: signal_route: is not a setting; did you mean signal_routes?; "
                   "allowed: those that --help lists\n");
    config_try_bad(
        "utterly_unrelated_thing: 1\n", NULL, NULL,
        "config.yaml:1: utterly_unrelated_thing: is not a setting; allowed: those that --help lists\n");
    config_try_bad("integration: {port: {deep: 1}}\n", NULL, NULL,
                   "config.yaml:1: integration.port: is a mapping; allowed: one value\n");
    config_try_bad("integration: 5\n", NULL, NULL,
                   "config.yaml:1: integration: is one value; allowed: a mapping of keys to values\n");
    config_try_bad("- a\n- b\n", NULL, NULL, "config.yaml:1: the file: is a list");
}

Test(config_yaml, a_setting_given_twice_is_refused_in_any_spelling) {
    config_try_bad("log:\n  level: INFO\n  level: DEBUG\n", NULL, NULL,
                   "config.yaml:3: level: is given twice, first on line 2\n");
    config_try_bad("log:\n  level: INFO\nlog_level: DEBUG\n", NULL, NULL,
                   "config.yaml:3: log.level: is given twice, first on line 2\n");
    config_try_bad("log: {level: INFO}\nlog: {file: x}\n", NULL, NULL,
                   "config.yaml:2: log: is given twice, first on line 1\n");
}

Test(config_yaml, what_is_no_yaml_or_more_than_one_document_is_refused) {
    config_try_bad("integration:\n  port: [1\n", NULL, NULL, "config.yaml:3: is not valid YAML: ");
    config_try_bad("a: \t- b\n  c\n", NULL, NULL, "config.yaml:");
    config_try_bad("log: {level: INFO}\n---\nlog: {level: DEBUG}\n", NULL, NULL,
                   "config.yaml: holds more than one YAML document; allowed: one\n");
    config_try_bad("\x01\x02", NULL, NULL, "config.yaml:1: is not valid YAML: ");
    config_try_bad("log: {level: \"a\\0b\"}\n", NULL, NULL,
                   "config.yaml:1: log.level: holds a NUL character\n");
    config_try_bad("log: {level: \"a\\nb\"}\n", NULL, NULL, "config.yaml:1: log.level: \"a?b\"");
}

Test(config_yaml, a_file_that_cannot_be_read_is_refused) {
    config_try_bad(NULL, NULL, ARGS("--config", "missing.yaml"),
                   "missing.yaml: cannot be read: No such file");
    config_try_bad(NULL, NULL, ARGS("--config=/tmp"), "/tmp:1: is not valid YAML: ");
}

Test(config_yaml, anchors_that_refer_to_themselves_do_not_hang) {
    config_try_t try = config_try("integration: &a\n  port: *a\n", NULL, NULL);
    cr_assert_eq(try.err, ERR_BAD_CONFIG);
    config_try_free(&try);
    try = config_try("&a [*a]\n", NULL, NULL);
    cr_assert_eq(try.err, ERR_BAD_CONFIG);
    config_try_free(&try);
}

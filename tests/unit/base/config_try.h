/* Loading a configuration in a test: flags, environment and YAML as text in, problems as text out. */
#pragma once

#include "base/config.h"
#include "base/config_table.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRY_MOST = 64 };

typedef struct {
    config_t *config; /* NULL when refused */
    config_flags_t flags;
    err_t err;
    char *problems;
    size_t problem_count;
} config_try_t;

static const char config_try_file[] = "config.yaml";

/* Works in a new directory, so that the file's name in problems is config.yaml. */
static inline void config_try_enter(char *dir_template) {
    cr_assert_not_null(mkdtemp(dir_template));
    cr_assert_eq(chdir(dir_template), 0);
}

static inline void config_try_leave(const char *dir) {
    unlink(config_try_file);
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(rmdir(dir), 0);
}

static inline size_t config_try_lines(const char *text) {
    size_t count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}

static inline config_try_t config_try_args(int argc, char *const *argv, char *const *envp) {
    config_try_t out = {0};
    size_t size;
    FILE *problems = open_memstream(&out.problems, &size);
    cr_assert_not_null(problems);
    out.err = config_load(&out.config, &out.flags, argc, argv, envp, problems);
    fclose(problems);
    out.problem_count = config_try_lines(out.problems);
    return out;
}

/* `yaml` NULL = no file; `env` and `arguments` end with NULL and may be NULL. */
static inline config_try_t config_try(const char *yaml, char *const *env, char *const *arguments) {
    char *argv[TRY_MOST] = {"integration-service"};
    int argc = 1;
    if (yaml) {
        FILE *file = fopen(config_try_file, "we");
        cr_assert_not_null(file);
        fputs(yaml, file);
        fclose(file);
        argv[argc++] = "--config";
        argv[argc++] = (char *)config_try_file;
    }
    while (arguments && *arguments && argc < TRY_MOST)
        argv[argc++] = *arguments++;
    return config_try_args(argc, argv, env);
}

static inline void config_try_free(config_try_t *self) {
    config_destroy(&self->config);
    free(self->problems);
}

/* Loads, expects success, and gives the configuration; problems are shown otherwise. */
static inline config_t *config_try_good(const char *yaml, char *const *env, char *const *arguments) {
    config_try_t try = config_try(yaml, env, arguments);
    cr_assert_eq(try.err, OK, "%s", try.problems);
    cr_assert_eq(try.problem_count, 0);
    free(try.problems);
    return try.config;
}

/* Loads, expects refusal with exactly this one line. */
static inline void config_try_bad(const char *yaml, char *const *env, char *const *arguments,
                                  const char *expected) {
    config_try_t try = config_try(yaml, env, arguments);
    cr_assert_eq(try.err, ERR_BAD_CONFIG, "was taken; expected: %s", expected);
    cr_assert_null(try.config);
    cr_assert_eq(try.problem_count, 1, "%s", try.problems);
    cr_assert_eq(strncmp(try.problems, expected, strlen(expected)), 0, "\n%sis not\n%s", try.problems,
                 expected);
    config_try_free(&try);
}

#define ARGS(...) ((char *const[]){__VA_ARGS__, NULL})

/* One environment variable. */
static inline void config_try_bad_env(const char *entry, const char *expected) {
    config_try_bad(NULL, ARGS((char *)entry), NULL, expected);
}

/* What config_print gives; the caller frees it. */
static inline char *config_try_print(const config_t *config) {
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    cr_assert_not_null(out);
    config_print(config, out);
    fclose(out);
    return text;
}

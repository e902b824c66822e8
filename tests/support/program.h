/* A real program as a child of the test: its output, its end, signals.
 *
 * The environment is the test's own without any setting of the service, plus what is given. The child is killed
 * when the test ends, however it ends. Every helper checks itself with criterion; one that waits in vain shows the
 * program's output. One thread. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#define PROGRAM_MS 45000 /* what must happen, happens within this, sanitizers and other load included */

typedef struct program_s program_t;

/* `binary` is a name in TEST_BIN_DIR, or a path from the root. `arguments` without the name, `environment` of NAME=value; both end with
 * NULL, or are NULL. */
program_t *program_start(const char *binary, const char *const *arguments, const char *const *environment);
/* Kills it when it still runs. */
void program_destroy(program_t **self_p);

/* The next line of stdout or stderr that holds `needle`, and is after the one that was returned last.
 * Owned by the program, until the next call. */
const char *program_line(program_t *self, const char *needle);
/* The same without waiting: NULL when it is not there. */
const char *program_has_line(program_t *self, const char *needle);

/* All that was written so far. Owned by the program, until the next call. */
const char *program_out(program_t *self);
/* What follows the first `offset` bytes of it, and its size. */
const char *program_out_from(program_t *self, size_t offset, size_t *size);
const char *program_err(program_t *self);

void program_signal(program_t *self, int number);
bool program_is_running(program_t *self);
/* Waits for the end: the exit status, or 128 + the signal that killed it. */
int program_wait(program_t *self);
/* SIGKILL, and waits. */
void program_kill(program_t *self);

/* Runs a program to its end. */
program_t *program_run(const char *binary, const char *const *arguments, const char *const *environment,
                       int *status);

/* Milliseconds on a steady clock, and a pause between two looks at a condition. False when `deadline_ms` passed. */
long long program_now_ms(void);
bool program_look_again(long long deadline_ms);

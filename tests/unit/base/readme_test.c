/* The README's table of settings is the one of the code. */
#include "base/buf.h"
#include "base/config.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *s_read_readme(void) {
    const char *folder = getenv("TEST_SOURCE_DIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/README.md", folder ? folder : TEST_SOURCE_DIR);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s cannot be opened", path);
    buf_t text = BUF_INIT;
    char chunk[4096];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, file)) > 0;)
        buf_append(&text, chunk, n);
    fclose(file);
    return buf_steal(&text);
}

Test(readme, holds_the_settings_of_the_code, .timeout = 10) {
    char *table = NULL, *save = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&table, &size);
    config_print_markdown(out);
    fclose(out);
    char *readme = s_read_readme();
    int rows = 0;
    for (char *row = strtok_r(table, "\n", &save); row; row = strtok_r(NULL, "\n", &save), rows++)
        cr_expect(strstr(readme, row), "the README lacks this row:\n%s", row);
    cr_expect_gt(rows, 50);
    free(table);
    free(readme);
}

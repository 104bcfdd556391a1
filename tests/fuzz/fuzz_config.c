/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct item {
    mrl_bytes s;
    int64_t i;
    bool b;
    uint64_t d, z;
    struct mrl_config_strings l;
    int c;
};
struct config {
    struct item top, one, many[2];
    size_t count;
};

static const char *const choices[] = {"x", "y", NULL};
static const struct mrl_config_key keys[] = {
    {"s", MRL_CONFIG_STRING, offsetof(struct item, s), "\"\"", "String.", 0, 8},
    {"i", MRL_CONFIG_INTEGER, offsetof(struct item, i), "0", "Integer.", -5, 5},
    {"b", MRL_CONFIG_BOOL, offsetof(struct item, b), "false", "Bool."},
    {"d", MRL_CONFIG_DURATION, offsetof(struct item, d), "\"5m\"", "Duration.", 1, 1000},
    {"z", MRL_CONFIG_SIZE, offsetof(struct item, z), "\"4KiB\"", "Size.", 1, 1 << 20},
    {"l", MRL_CONFIG_STRINGS, offsetof(struct item, l), "[]", "List.", 0, 3},
    {"c", MRL_CONFIG_CHOICE, offsetof(struct item, c), "\"x\"", "Choice.", 0, 0, choices},
};
static const struct mrl_config_section sections[] = {
    {"", "Top.", keys, MRL_COUNT(keys), offsetof(struct config, top)},
    {"one", "One.", keys, MRL_COUNT(keys), offsetof(struct config, one)},
    {"many", "Many.", keys, MRL_COUNT(keys), offsetof(struct config, many), 2, sizeof(struct item),
     offsetof(struct config, count)},
};
static const struct mrl_config_schema schema = {sections, MRL_COUNT(sections),
                                                sizeof(struct config)};

static void check(const struct item *item)
{
    if (item->s.len > 8 || item->i < -5 || item->i > 5 || item->d < 1 || item->d > 1000 ||
        item->z < 1 || item->z > 1 << 20 || item->l.count > 3 || item->c < 0 || item->c > 1)
        abort();
}

/* What is accepted is within the table; what is refused has a sentence. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_SCOPED(mrl_arena) arena = {0};
    struct mrl_why why = {0};
    struct config c;

    if (mrl_config_read(&schema, mrl_bytes_of(data, size), &arena, &c, &why) != MRL_OK) {
        if (why.text[0] == '\0')
            abort();
        return 0;
    }
    check(&c.top);
    check(&c.one);
    for (size_t i = 0; i < c.count; i++)
        check(&c.many[i]);
    return 0;
}

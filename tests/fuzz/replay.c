/* SPDX-License-Identifier: Apache-2.0
 * Runs a fuzz target over every file of its corpus, so that corpora are ordinary tests without
 * libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *folder, const char *name)
{
    char path[4096];
    uint8_t *data;
    FILE *file;
    size_t size;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (file == NULL)
        return 0;
    data = malloc(LARGEST);
    size = data == NULL ? 0 : fread(data, 1, LARGEST, file);
    (void)fclose(file); /* only read */
    data =
        size > 0 ? realloc(data, size) : data; /* exact size, so that a sanitizer sees an overrun */
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

int main(int argc, char **argv)
{
    int files = 0;

    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);

        if (folder == NULL) {
            (void)fprintf(stderr, "no corpus folder %s\n", argv[i]);
            return 1;
        }
        for (struct dirent *e; (e = readdir(folder)) != NULL;)
            files += e->d_name[0] == '.' ? 0 : run_file(argv[i], e->d_name);
        (void)closedir(folder);
    }
    (void)printf("%d inputs\n", files);
    return files > 0 ? 0 : 1;
}

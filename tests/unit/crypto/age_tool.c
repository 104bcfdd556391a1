/* SPDX-License-Identifier: Apache-2.0 */
/* Standard input to standard output.
 * usage: age_tool encrypt RECIPIENT... | decrypt IDENTITY | recipient IDENTITY */
#include <stdio.h>
#include <string.h>

#include "crypto/age.h"

static mrl_err put(void *context, mrl_bytes data)
{
    return fwrite(data.data, 1, data.len, context) == data.len ? MRL_OK : MRL_ERR_IO;
}

static struct mrl_age_sink to_stdout(void)
{
    return (struct mrl_age_sink){put, stdout};
}

static mrl_err encrypt(char **names, int count)
{
    MRL_AUTO(mrl_age_writer) w = NULL;
    struct mrl_age_recipient recipients[MRL_AGE_RECIPIENTS_MAX];
    char data[10007];
    size_t n;

    MRL_ENSURE(count <= MRL_AGE_RECIPIENTS_MAX, MRL_ERR_LIMIT);
    for (int i = 0; i < count; i++)
        MRL_TRY(mrl_age_recipient_read(mrl_str(names[i]), &recipients[i]));
    MRL_TRY(mrl_age_writer_new(recipients, (size_t)count, to_stdout(), &w));
    while ((n = fread(data, 1, sizeof(data), stdin)) > 0)
        MRL_TRY(mrl_age_write(w, mrl_bytes_of(data, n)));
    return mrl_age_writer_end(w);
}

static mrl_err decrypt(const struct mrl_secret *identity)
{
    MRL_AUTO(mrl_age_reader) r = NULL;
    char data[10007];
    size_t n;

    MRL_TRY(mrl_age_reader_new(identity, to_stdout(), &r));
    while ((n = fread(data, 1, sizeof(data), stdin)) > 0)
        MRL_TRY(mrl_age_read(r, mrl_bytes_of(data, n)));
    return mrl_age_reader_end(r);
}

static mrl_err show_recipient(const struct mrl_secret *identity)
{
    struct mrl_age_recipient r;
    char text[MRL_AGE_RECIPIENT_TEXT + 1];

    MRL_TRY(mrl_age_identity_recipient(identity, &r));
    MRL_TRY(mrl_age_recipient_write(&r, text));
    return printf("%s\n", text) > 0 ? MRL_OK : MRL_ERR_IO;
}

static mrl_err run(int argc, char **argv)
{
    MRL_AUTO(mrl_secret) identity = NULL;

    MRL_ENSURE(argc >= 3, MRL_ERR_INVALID);
    if (strcmp(argv[1], "encrypt") == 0)
        return encrypt(&argv[2], argc - 2);
    MRL_TRY(mrl_age_identity_read(mrl_str(argv[2]), &identity));
    return strcmp(argv[1], "decrypt") == 0 ? decrypt(identity) : show_recipient(identity);
}

int main(int argc, char **argv)
{
    mrl_err err = run(argc, argv);

    if (err == MRL_OK)
        return fflush(stdout) == 0 ? 0 : 1;
    (void)fprintf(stderr, "%s\n", mrl_err_name(err));
    return 1;
}

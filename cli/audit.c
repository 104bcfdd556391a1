/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit.h"

#include "cli/commands.h"

mrl_exit mrl_audit_number(struct mrl_cli *cli, const char *text, uint64_t *out)
{
    if (mrl_bytes_to_u64(mrl_str(text), INT64_MAX, out) && *out > 0)
        return MRL_EXIT_OK;
    return mrl_cli_fail(cli, MRL_EXIT_USAGE, "%s: not the number of an entry", text);
}

const struct mrl_cli_command mrl_cli_audit_commands[] = {
    {"audit", "list", NULL, mrl_audit_list_options, "Shows what happened, newest last.",
     mrl_audit_list},
    {"audit", "tail", NULL, mrl_audit_tail_options,
     "Shows the newest entries, then each one as it comes. Ctrl-C ends it.", mrl_audit_tail},
    {"audit", "show", "NUMBER", mrl_audit_show_options, "Shows everything about one entry.",
     mrl_audit_show},
    {"audit", "export", "[FILE]", mrl_audit_export_options,
     "Writes all entries into a new file (- is the standard output), or the published log.",
     mrl_audit_export},
    {"audit", "prove", "NUMBER FILE", mrl_audit_prove_options,
     "Writes a proof that the log contains an entry, for others to verify without a server.",
     mrl_audit_prove},
    {"audit", "verify", NULL, mrl_audit_verify_options,
     "Computes the whole log here and checks it against what its key and witnesses signed.",
     mrl_audit_verify},
    {"audit", "key", NULL, mrl_audit_key_options, "Shows the key that signs the log.",
     mrl_audit_key},
    {"audit", "witness", NULL, NULL,
     "Shows what each witness cosigned last, and how far it is behind.", mrl_audit_witness},
    {"audit", "erase", "KIND:ID", mrl_audit_erase_options,
     "Makes what is personal about an actor unreadable in all entries; proofs stay valid.",
     mrl_audit_erase},
    {"audit", "prune", NULL, mrl_audit_prune_options,
     "Drops old entries; their hashes stay, and the log verifies as before.", mrl_audit_prune},
    {NULL},
};

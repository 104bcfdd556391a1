#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A secret given to a log, a sentence, a text or JSON does not compile: each of these lines is tried.

usage: secrets_do_not_format.py INCLUDE_FOLDER COMPILER..."""
import subprocess
import sys

SOURCE = """
#include <stdio.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/writer.h"
void use(const struct mrl_secret *secret, struct mrl_buf *buf, struct mrl_writer *w, struct mrl_why *why, json_t *json);
void use(const struct mrl_secret *secret, struct mrl_buf *buf, struct mrl_writer *w, struct mrl_why *why, json_t *json)
{
    (void)secret, (void)buf, (void)w, (void)why, (void)json;
    %s
}
"""
FINE = [
    'mrl_log_info("x", MRL_FIELD("a", MRL_LIT("b")));',
    'mrl_log_info("x", MRL_FIELD_STR("a", "b"));',
    'mrl_log_info("x", MRL_FIELD_INT("a", 1));',
    '(void)mrl_fail(why, MRL_ERR_IO, "%s", "text");',
    '(void)mrl_buf_printf(buf, "%s", "text");',
    'mrl_put_text(w, "%s", "text");',
    '(void)mrl_json_set_str(json, "a", MRL_LIT("b"));',
]
SECRET = [
    'mrl_log_info("x", MRL_FIELD("a", secret));',
    'mrl_log_info("x", MRL_FIELD("a", *secret));',
    'mrl_log_info("x", MRL_FIELD_STR("a", secret));',
    'mrl_log_info("x", MRL_FIELD_INT("a", secret));',
    '(void)mrl_fail(why, MRL_ERR_IO, "%s", secret);',
    '(void)mrl_fail(why, MRL_ERR_IO, "%.*s", MRL_FMT(secret));',
    '(void)mrl_fail(why, MRL_ERR_IO, "%.*s", MRL_FMT(*secret));',
    '(void)mrl_buf_printf(buf, "%s", secret);',
    '(void)mrl_buf_append(buf, secret);',
    '(void)mrl_buf_append(buf, *secret);',
    'mrl_put_text(w, "%s", secret);',
    'mrl_put_bytes(w, secret);',
    '(void)mrl_json_set_str(json, "a", secret);',
    '(void)printf("%s", secret);',
    '(void)puts(secret);',
    '(void)fwrite(secret->data, 1, 1, stdout);',
]


def compiles(line: str, include: str, compiler: list[str]) -> subprocess.CompletedProcess[str]:
    command = [*compiler, "-x", "c", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wformat=2", "-Werror", "-I", include,
               "-fsyntax-only", "-"]
    return subprocess.run(command, input=SOURCE.replace("%s", line, 1), capture_output=True, text=True, check=False)


def main(include: str, *compiler: str) -> int:
    wrong = []
    for line in FINE:
        done = compiles(line, include, list(compiler))
        if done.returncode != 0:
            wrong.append(f"does not compile, but it has to: {line}\n{done.stderr}")
    wrong += [f"compiles with a secret: {line}" for line in SECRET if compiles(line, include, list(compiler)).returncode == 0]
    print("\n".join(wrong) or f"{len(SECRET)} ways refused")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

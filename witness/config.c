/* SPDX-License-Identifier: Apache-2.0 */
#include "witness/config.h"

#include "base/attr.h"

static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};

#define AT(field) offsetof(struct mrl_witness_config, field)
#define KEY(key) (AT(witness.key) - AT(witness))

static const struct mrl_config_key witness_keys[] = {
    {"listen", MRL_CONFIG_STRING, KEY(listen), "\"*:7380\"",
     "Address and port for HTTPS, or \"unix:/path\" for plain HTTP behind a proxy.", 1, 128, NULL},
    {"name", MRL_CONFIG_STRING, KEY(name), NULL,
     "Name in the cosignatures, like a URL without its scheme: \"witness.example/w1\". Fixed once "
     "logs trust it.",
     1, 255, NULL},
    {"state", MRL_CONFIG_STRING, KEY(state), NULL,
     "Folder of the key and of the last checkpoint of each log; made by `merlon-witness init`.", 1,
     4000, NULL},
    {"certificate", MRL_CONFIG_STRING, KEY(certificate), "\"\"",
     "PEM file with the certificate chain for HTTPS, its own first.", 0, 4000, NULL},
    {"key", MRL_CONFIG_STRING, KEY(key), "\"\"",
     "PEM file with the private key of the certificate, not encrypted.", 0, 4000, NULL},
    {"rate", MRL_CONFIG_INTEGER, KEY(rate), "20",
     "Most requests per second of one source address, ten times that at once.", 1, 100000, NULL},
    {"log_level", MRL_CONFIG_CHOICE, KEY(log_level), "\"info\"",
     "Least severe event that is logged.", 0, 0, log_levels},
};

static const struct mrl_config_key log_keys[] = {
    {"vkey", MRL_CONFIG_STRING, offsetof(struct mrl_witness_log_config, vkey), NULL,
     "Verifier key of the log; its name is the origin of the log. A log that changes its key has "
     "two tables for a while.",
     1, 383, NULL},
};

static const struct mrl_config_section sections[] = {
    {"witness", "The program.", witness_keys, MRL_COUNT(witness_keys), AT(witness), 0, 0, 0},
    {"log", "A log whose checkpoints are cosigned.", log_keys, MRL_COUNT(log_keys), AT(logs),
     MRL_WITNESS_LOGS_MAX, sizeof(struct mrl_witness_log_config), AT(log_count)},
};

const struct mrl_config_schema mrl_witness_schema = {sections, MRL_COUNT(sections),
                                                     sizeof(struct mrl_witness_config)};

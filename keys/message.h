/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon and the key process say to each other. Layer: keys. Thread: any.
 *
 * One message is one SOCK_SEQPACKET packet: version u8, type u8, request id u64, body. A reply has
 * the type of its request with MRL_KEYS_REPLY set and the same id; its body begins with a status.
 * Integers are big-endian. Every message must end exactly where its body ends. All views in these
 * structs borrow: from the caller when writing, from the message when reading. */
#ifndef MRL_KEYS_MESSAGE_H
#define MRL_KEYS_MESSAGE_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/reader.h"
#include "base/writer.h"

enum {
    MRL_KEYS_VERSION = 2,
    MRL_KEYS_REPLY = 0x80,
    MRL_KEYS_MESSAGE_MAX = 65536, /* bytes, headers included */
    MRL_KEYS_ID_MAX = 64,         /* bytes of an id: what a common name holds, RFC 5280 A.1 */
    MRL_KEYS_SPKI_MAX = 2048,     /* an RSA key of 4096 bits has 550 */
    MRL_KEYS_NAMES_MAX = 16,      /* DNS names, and likewise addresses, of a server certificate */
    MRL_KEYS_DNS_MAX = 253,       /* RFC 1035 2.3.4, as text without the last dot */
    MRL_KEYS_CONTEXT_MAX = 512,   /* bytes of a wrapping context */
    MRL_KEYS_SEALED_MAX = 512,
    MRL_KEYS_WRAPPED_SIZE = 32, /* the keys that WRAP takes are 256 bit */
    MRL_KEYS_HASH_SIZE = 32,
    MRL_KEYS_PROOF_MAX = 64,      /* hashes of a consistency proof */
    MRL_KEYS_NOTE_MAX = 16384,    /* bytes of a stored checkpoint with its signatures */
    MRL_KEYS_SIGNATURE_SIZE = 64, /* Ed25519 */
    MRL_KEYS_AUDIT_KEY_SIZE = 32,
    MRL_KEYS_CA_MAX = 32,             /* bytes of a subject key identifier */
    MRL_KEYS_CRL_ENTRIES_MAX = 60000, /* bytes of one MRL_KEYS_CRL_ADD */
};

enum mrl_keys_type {
    MRL_KEYS_PING = 1,
    MRL_KEYS_INFO,
    MRL_KEYS_ISSUE,
    MRL_KEYS_SIGN_CHECKPOINT,
    MRL_KEYS_WRAP,
    MRL_KEYS_UNWRAP,
    MRL_KEYS_SIGN_CRL,
    MRL_KEYS_TYPE_END_,
};

/* What a certificate is for; the key process derives its name, URI and key usages from this. */
enum mrl_keys_kind {
    MRL_KEYS_DEVICE = 1,
    MRL_KEYS_APPLICATION,
    MRL_KEYS_OPERATOR,
    MRL_KEYS_CLAIM,  /* shared by many devices, which get certificates of their own with it */
    MRL_KEYS_SERVER, /* from here on no principals: no URI */
    MRL_KEYS_OCSP,   /* the delegate that signs OCSP answers: RFC 6960 4.2.2.2 */
    MRL_KEYS_KIND_END_,
};

struct mrl_keys_issue {
    enum mrl_keys_kind kind;
    mrl_bytes id;       /* [A-Za-z0-9._:-], becomes CN and, but for a server, the end of the URI */
    mrl_bytes spki;     /* DER SubjectPublicKeyInfo */
    int64_t not_before; /* seconds since 1970 */
    int64_t not_after;
    size_t dns_count; /* names and addresses: only for MRL_KEYS_SERVER */
    mrl_bytes dns[MRL_KEYS_NAMES_MAX];
    size_t ip_count;
    mrl_bytes ip[MRL_KEYS_NAMES_MAX]; /* 4 or 16 bytes each */
};

/* A checkpoint of the audit log to be signed, and why it may be. */
struct mrl_keys_checkpoint {
    uint64_t old; /* size of the checkpoint signed before: where the proof begins */
    uint64_t size;
    mrl_bytes root;  /* MRL_KEYS_HASH_SIZE */
    mrl_bytes proof; /* of consistency: hashes one after another, at most MRL_KEYS_PROOF_MAX */
    mrl_bytes note;  /* the newest stored checkpoint, for the first request; empty: there is none */
};

/* A revocation list goes to the key process in pieces: BEGIN, any number of ADD, END. Other
 * requests may come between; another BEGIN starts anew. */
enum mrl_keys_crl_step {
    MRL_KEYS_CRL_BEGIN = 1, /* answered with the head of the list: crypto/crl.h */
    MRL_KEYS_CRL_ADD,       /* answered with nothing */
    MRL_KEYS_CRL_END,       /* answered with its end */
    MRL_KEYS_CRL_STEP_END_,
};
enum mrl_keys_crl_kind {
    MRL_KEYS_CRL_FULL = 1,
    MRL_KEYS_CRL_DELTA, /* to the full one */
    MRL_KEYS_CRL_SHARD, /* certificates whose serial begins with one byte */
    MRL_KEYS_CRL_KIND_END_,
};
struct mrl_keys_crl {
    enum mrl_keys_crl_step step;
    /* BEGIN */
    mrl_bytes ca; /* subject key identifier of the CA it is of */
    enum mrl_keys_crl_kind kind;
    uint8_t shard;   /* first byte of the serials, of a shard */
    uint64_t number; /* CRLNumber */
    uint64_t base;   /* BaseCRLNumber of a delta, else 0 */
    int64_t this_update, next_update;
    uint64_t entries_len; /* of all that will be added */
    /* ADD: whole entries */
    mrl_bytes entries;
};

struct mrl_keys_request {
    uint64_t id;
    enum mrl_keys_type type;
    union {
        struct mrl_keys_issue issue;
        struct mrl_keys_checkpoint checkpoint;
        struct mrl_keys_crl crl;
        struct {
            mrl_bytes context;
            mrl_bytes key;
        } wrap;
        struct {
            mrl_bytes context;
            mrl_bytes sealed;
        } unwrap;
    };
};

/* What a key process tells about itself. */
struct mrl_keys_facts {
    mrl_bytes root_cert;    /* DER */
    mrl_bytes issuing_cert; /* DER */
    mrl_bytes audit_key;    /* raw Ed25519 public key, MRL_KEYS_AUDIT_KEY_SIZE */
    mrl_bytes tenant;
    uint16_t landlock_abi; /* 0: this kernel has no Landlock, seccomp stands alone */
    bool root_exported;
    uint64_t served;    /* requests answered with what they asked for */
    uint64_t refused;   /* requests answered with an error by policy or a failed check */
    uint64_t malformed; /* packets that were no request */
};

struct mrl_keys_answer {
    uint64_t id;
    enum mrl_keys_type type;
    mrl_err status;
    mrl_bytes why; /* the sentence, when status is not MRL_OK; at most 255 bytes */
    union {
        struct mrl_keys_facts facts; /* INFO */
        mrl_bytes bytes; /* ISSUE: DER; SIGN_...: the signature; WRAP: sealed; UNWRAP: the key */
    };
};

/* MRL_ERR_NO_SPACE when it does not fit in to. */
mrl_err mrl_keys_write_request(const struct mrl_keys_request *q, struct mrl_writer *to);
mrl_err mrl_keys_write_answer(const struct mrl_keys_answer *a, struct mrl_writer *to);

/* MRL_ERR_MALFORMED: not a request of this version, or it does not end exactly. The sizes above are
 * enforced here, so that policy sees only bounded input; *out is then untouched. */
mrl_err mrl_keys_read_request(mrl_bytes message, struct mrl_keys_request *out);
mrl_err mrl_keys_read_answer(mrl_bytes message, struct mrl_keys_answer *out);

/* Type and request id of a message that may be broken behind its header: enough for an error
 * reply. false when even these cannot be read. */
bool mrl_keys_peek(mrl_bytes message, uint8_t *type, uint64_t *id);

#endif

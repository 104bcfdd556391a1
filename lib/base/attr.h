/* SPDX-License-Identifier: Apache-2.0 */
/* Compiler attributes and scope clean-up. Layer: base. */
#ifndef MRL_BASE_ATTR_H
#define MRL_BASE_ATTR_H

#ifdef __cppcheck__
#define MRL_NODISCARD
#elif defined(__clang__)
#define MRL_NODISCARD __attribute__((warn_unused_result))
#else
#define MRL_NODISCARD [[nodiscard]]
#endif

#define MRL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define MRL_UNUSED __attribute__((unused))
/* A large array on a hot path that is not zeroed first, as every other variable is: what is read
 * of it was written. */
#define MRL_UNINITIALIZED __attribute__((uninitialized))

/* MRL_AUTO(mrl_cert) cert = NULL;  declares `struct mrl_cert *cert`, freed on every way out of the
 * scope. MRL_TAKE(cert) hands it on and leaves NULL behind. A type takes part by MRL_AUTO_DEFINE
 * after its _free. */
#define MRL_AUTO(type) __attribute__((cleanup(type##_auto_))) struct type *
#define MRL_AUTO_DEFINE(type)                                   \
    MRL_UNUSED static inline void type##_auto_(struct type **p) \
    {                                                           \
        type##_free(*p);                                        \
    }                                                           \
    struct type
#define MRL_TAKE(p)                 \
    ({                              \
        __typeof__(p) taken_ = (p); \
        (p) = NULL;                 \
        taken_;                     \
    })

/* The same for caller's memory: MRL_SCOPED(mrl_buf) b = {0};  calls mrl_buf_done(&b). */
#define MRL_SCOPED(type) __attribute__((cleanup(type##_done))) struct type

#define MRL_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MRL_CONTAINER(ptr, type, member) ((type *)(((char *)(ptr)) - offsetof(type, member)))

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* EST from the device's side (RFC 7030): CA certificates, first enrolment, renewal; and the
 * judgement of what comes back. Layer: device. Thread: one; blocks. */
#ifndef MRL_AGENT_EST_H
#define MRL_AGENT_EST_H

#include "device/agent/home.h"
#include "device/agent/offer.h"
#include "net/http_client.h"
#include "wire/http1_date.h"

enum { MRL_EST_TIMEOUT_MS = 10000 };

/* What an answer says besides its body; 0: nothing. */
struct mrl_est_told {
    struct mrl_offer offer; /* when to renew */
    int64_t time_s;         /* the time of the server, seconds since 1970 */
    int64_t retry_after_s;  /* when to come again */
};

/* The server's bundle (4.1.3), appended to out, and its version. */
mrl_err mrl_est_cacerts(struct mrl_http_client *c, struct mrl_cert_list *out,
                        char version[static MRL_BUNDLE_TEXT], struct mrl_why *why);
/* The same over a connection of its own, and into the folder: see device/agent/trust.h. *changed:
 * there is another one than before. */
mrl_err mrl_est_refresh_trust(struct mrl_home *h, bool *changed, struct mrl_why *why);
/* Learns the time, where the clock does not know it; over a connection of its own, whose chain is
 * valid at the time it tells. MRL_ERR_CRYPTO: the server's time cannot be; MRL_ERR_UNSUPPORTED: it
 * tells none. */
mrl_err mrl_est_time(const struct mrl_home *h, struct mrl_device_clock *clock, struct mrl_why *why);
/* The kind of key that the server asks for (csrattrs, 4.5; RFC 9908); P-256 when it does not care.
 * MRL_ERR_UNSUPPORTED: one that is not made here. */
mrl_err mrl_est_key_type(struct mrl_http_client *c, const struct mrl_settings *s,
                         enum mrl_key_type *out, struct mrl_why *why);
/* First certificate for key (4.2.1), by token and bound to the open connection of c (3.5). Gives
 * *out, not judged yet. MRL_ERR_AUTH, MRL_ERR_DENIED, MRL_ERR_BUSY, MRL_ERR_INVALID: the server
 * said no, in why. */
mrl_err mrl_est_enrol(struct mrl_http_client *c, const struct mrl_settings *s, mrl_bytes token,
                      const struct mrl_key *key, struct mrl_cert **out, struct mrl_est_told *told,
                      struct mrl_why *why);
/* A further one with the same names as the present (4.2.2), bound as well; opens its own
 * connection, in which the present certificate is shown. Judged already, by the bundle of now,
 * which is fetched before. */
mrl_err mrl_est_renew(struct mrl_home *h, const struct mrl_key *key, struct mrl_cert **out,
                      struct mrl_est_told *told, struct mrl_why *why);

/* For other ways to enrol at that server: Date, by which it sees our clock (of the machine); what
 * it said besides the body; what its status means (why: what it said); and the request, bound to
 * the open connection of c (3.5). */
struct mrl_http_field mrl_est_date_field(char date[static MRL_HTTP_DATE_TEXT]);
void mrl_est_read_told(const struct mrl_http_result *r, struct mrl_est_told *out);
mrl_err mrl_est_status(const struct mrl_http_result *r, struct mrl_why *why);
mrl_err mrl_est_first_request(const struct mrl_http_client *c, mrl_bytes device,
                              const struct mrl_key *key, struct mrl_buf *csr, struct mrl_why *why);

/* Is this our certificate: our key, our name, usable now, from our root? */
mrl_err mrl_est_judge(const struct mrl_cert *cert, const struct mrl_key *key, mrl_bytes device,
                      const struct mrl_cert_list *ca, const struct mrl_cert_list *roots,
                      int64_t now_s, struct mrl_why *why);
/* One message of certs-only as EST carries it: base64 with white space. Appends. */
mrl_err mrl_est_read(mrl_bytes body, struct mrl_cert_list *out);

#endif

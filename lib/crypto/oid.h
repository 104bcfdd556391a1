/* SPDX-License-Identifier: Apache-2.0 */
/* Object identifiers as DER content, for MRL_LIT. Layer: crypto. */
#ifndef MRL_CRYPTO_OID_H
#define MRL_CRYPTO_OID_H

/* RFC 5280 A.1, 4.2: 2.5.4.3 and 2.5.29.x */
#define MRL_OID_COMMON_NAME "\x55\x04\x03"
#define MRL_OID_SERIAL_NUMBER "\x55\x04\x05"
#define MRL_OID_SUBJECT_KEY_ID "\x55\x1d\x0e"
#define MRL_OID_KEY_USAGE "\x55\x1d\x0f"
#define MRL_OID_SUBJECT_ALT_NAME "\x55\x1d\x11"
#define MRL_OID_BASIC_CONSTRAINTS "\x55\x1d\x13"
#define MRL_OID_AUTHORITY_KEY_ID "\x55\x1d\x23"
#define MRL_OID_EXT_KEY_USAGE "\x55\x1d\x25"
/* 1.3.6.1.5.5.7.3.1 and .2 */
#define MRL_OID_SERVER_AUTH "\x2b\x06\x01\x05\x05\x07\x03\x01"
#define MRL_OID_CLIENT_AUTH "\x2b\x06\x01\x05\x05\x07\x03\x02"
/* RFC 5280 4.2.1.13, 4.2.1.15, 5.2, 5.3: 2.5.29.x */
#define MRL_OID_CRL_NUMBER "\x55\x1d\x14"
#define MRL_OID_CRL_REASON "\x55\x1d\x15"
#define MRL_OID_DELTA_CRL "\x55\x1d\x1b"
#define MRL_OID_ISSUING_POINT "\x55\x1d\x1c"
#define MRL_OID_CRL_POINTS "\x55\x1d\x1f"
#define MRL_OID_FRESHEST_CRL "\x55\x1d\x2e"
/* RFC 5280 4.2.2.1, RFC 6960 4.2.2.2, 4.2.2.2.1, 4.2.1 */
#define MRL_OID_AUTHORITY_INFO "\x2b\x06\x01\x05\x05\x07\x01\x01"
#define MRL_OID_OCSP "\x2b\x06\x01\x05\x05\x07\x30\x01"
#define MRL_OID_OCSP_BASIC "\x2b\x06\x01\x05\x05\x07\x30\x01\x01"
#define MRL_OID_OCSP_NO_CHECK "\x2b\x06\x01\x05\x05\x07\x30\x01\x05"
#define MRL_OID_OCSP_SIGNING "\x2b\x06\x01\x05\x05\x07\x03\x09"
/* RFC 3279 2.1, RFC 5754 2.2 */
#define MRL_OID_SHA1 "\x2b\x0e\x03\x02\x1a"
#define MRL_OID_SHA256 "\x60\x86\x48\x01\x65\x03\x04\x02\x01"
/* RFC 5480 2.1.1, RFC 8410 3, RFC 4055 1.2 */
#define MRL_OID_EC_PUBLIC_KEY "\x2a\x86\x48\xce\x3d\x02\x01"
#define MRL_OID_P256 "\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define MRL_OID_P384 "\x2b\x81\x04\x00\x22"
#define MRL_OID_ED25519 "\x2b\x65\x70"
#define MRL_OID_RSA "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
/* RFC 5758 3.2 */
#define MRL_OID_ECDSA_SHA256 "\x2a\x86\x48\xce\x3d\x04\x03\x02"
#define MRL_OID_ECDSA_SHA384 "\x2a\x86\x48\xce\x3d\x04\x03\x03"
#define MRL_OID_ECDSA_SHA512 "\x2a\x86\x48\xce\x3d\x04\x03\x04"
/* RFC 4055 5 */
#define MRL_OID_RSA_SHA256 "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"
#define MRL_OID_RSA_SHA384 "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"
#define MRL_OID_RSA_SHA512 "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"
/* RFC 2985 5.4.1, 5.4.2; RFC 6402 2.8 (1.3.6.1.5.5.7.7.36) */
#define MRL_OID_CHALLENGE_PASSWORD "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07"
#define MRL_OID_EXTENSION_REQUEST "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e"
#define MRL_OID_CHANGE_SUBJECT_NAME "\x2b\x06\x01\x05\x05\x07\x07\x24"
/* RFC 4108 5: 1.3.6.1.5.5.7.8.4 */
#define MRL_OID_HARDWARE_MODULE_NAME "\x2b\x06\x01\x05\x05\x07\x08\x04"
/* RFC 8551 2.5.2; RFC 4108 2.2.5 (1.2.840.113549.1.9.16.2.37); RFC 7030 6.2 (...16.2.54) */
#define MRL_OID_SMIME_CAPABILITIES "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0f"
#define MRL_OID_DECRYPT_KEY_ID "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x25"
#define MRL_OID_ASYMM_DECRYPT_KEY_ID "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x36"
/* RFC 9908 A: 1.2.840.113549.1.9.16.2.61 */
#define MRL_OID_CSR_INFO_TEMPLATE "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3d"
/* RFC 5652 4, 5.1 */
#define MRL_OID_CMS_DATA "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
#define MRL_OID_CMS_SIGNED_DATA "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
#define MRL_OID_CMS_ENVELOPED_DATA "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
/* RFC 5652 11.1, 11.2; RFC 5958 2: 2.16.840.1.101.2.1.2.78.5 */
#define MRL_OID_CONTENT_TYPE "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"
#define MRL_OID_MESSAGE_DIGEST "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04"
#define MRL_OID_KEY_PACKAGE "\x60\x86\x48\x01\x65\x02\x01\x02\x4e\x05"
/* RFC 5754 2.2; RFC 3565 4.1, 4.2; RFC 5753 7.1.4 (1.3.132.1.11.1); RFC 8017 A.2.1 */
#define MRL_OID_SHA256 "\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define MRL_OID_AES128_CBC "\x60\x86\x48\x01\x65\x03\x04\x01\x02"
#define MRL_OID_AES256_CBC "\x60\x86\x48\x01\x65\x03\x04\x01\x2a"
#define MRL_OID_AES256_WRAP "\x60\x86\x48\x01\x65\x03\x04\x01\x2d"
#define MRL_OID_ECDH_SHA256_KDF "\x2b\x81\x04\x01\x0b\x01"
#define MRL_OID_RSA_OAEP "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07"

#endif

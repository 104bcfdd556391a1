/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

static void must(int good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "wolfclient: %s\n", what);
    exit(1);
}

static int number(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);

    must(*text != 0 && *end == 0 && n >= 0 && n <= 65535, "a number is wrong");
    return (int)n;
}

static int dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "connect");
    return fd;
}

static WOLFSSL_CTX *make_context(char **files)
{
    WOLFSSL_CTX *c = wolfSSL_CTX_new(wolfTLSv1_3_client_method());

    must(c != NULL, "context");
    must(wolfSSL_CTX_load_verify_locations(c, files[0], NULL) == WOLFSSL_SUCCESS, "CA");
    must(wolfSSL_CTX_use_certificate_file(c, files[1], WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS,
         "certificate");
    must(wolfSSL_CTX_use_PrivateKey_file(c, files[2], WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS,
         "key");
    return c;
}

static size_t from_hex(const char *hex, unsigned char *to, size_t room);

static const char *psk_identity, *psk_hex;

static unsigned give_key(WOLFSSL *ssl, const char *hint, char *identity, unsigned identity_max,
                         unsigned char *key, unsigned key_max)
{
    (void)ssl;
    (void)hint;
    must(strlen(psk_identity) < identity_max, "identity is too long");
    memcpy(identity, psk_identity, strlen(psk_identity) + 1);
    return (unsigned)from_hex(psk_hex, key, key_max);
}

static WOLFSSL_CTX *make_psk_context(char **psk)
{
    WOLFSSL_CTX *c = wolfSSL_CTX_new(wolfTLSv1_3_client_method());

    must(c != NULL, "context");
    psk_identity = psk[0];
    psk_hex = psk[1];
    wolfSSL_CTX_set_psk_client_callback(c, give_key);
    return c;
}

static size_t from_hex(const char *hex, unsigned char *to, size_t room)
{
    size_t len = strlen(hex) / 2;

    must(len <= room, "hex is too long");
    for (size_t i = 0; i < len; i++) {
        unsigned byte;

        must(sscanf(&hex[2 * i], "%2x", &byte) == 1, "hex");
        to[i] = (unsigned char)byte;
    }
    return len;
}

static void expect(WOLFSSL *ssl, const unsigned char *wanted, int len)
{
    unsigned char got[16];
    int at = 0;

    while (at < len) {
        int n = wolfSSL_read(ssl, &got[at], len - at);

        must(n > 0, "read");
        at += n;
    }
    must(memcmp(got, wanted, (size_t)len) == 0, "another answer");
}

int main(int argc, char **argv)
{
    static const unsigned char connack[] = {0x20, 2, 0, 0}, ping[] = {0xc0, 0}, pong[] = {0xd0, 0};
    unsigned char hello[256];
    int rounds = argc == 7 ? number(argv[6]) : 0;
    size_t len;
    WOLFSSL_CTX *c;
    WOLFSSL *ssl;

    must(
        argc == 7,
        "usage: wolfclient PORT CA CERT KEY CONNECT-HEX ROUNDS, or psk IDENTITY KEY-HEX for files");
    len = from_hex(argv[5], hello, sizeof(hello));
    must(wolfSSL_Init() == WOLFSSL_SUCCESS, "init");
    c = strcmp(argv[2], "psk") == 0 ? make_psk_context(&argv[3]) : make_context(&argv[2]);
    ssl = wolfSSL_new(c);
    must(ssl != NULL && wolfSSL_set_fd(ssl, dial(number(argv[1]))) == WOLFSSL_SUCCESS,
         "connection");
    must(wolfSSL_connect(ssl) == WOLFSSL_SUCCESS, "handshake");
    must(wolfSSL_write(ssl, hello, (int)len) == (int)len, "write");
    expect(ssl, connack, sizeof(connack));
    for (int i = 0; i < rounds; i++) {
        must(i % 2 == 0 || wolfSSL_update_keys(ssl) == WOLFSSL_SUCCESS, "key update");
        must(wolfSSL_write(ssl, ping, sizeof(ping)) == sizeof(ping), "write");
        expect(ssl, pong, sizeof(pong));
    }
    (void)wolfSSL_shutdown(ssl);
    (void)printf("ok %d\n", rounds);
    wolfSSL_free(ssl);
    wolfSSL_CTX_free(c);
    return 0;
}

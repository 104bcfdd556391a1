/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/text.h"

#include <string.h>

#include "tests/unit/unit.h"

static void ids_have_128_characters_at_most_and_begin_with_none_of_two(void **state)
{
    char text[MRL_KEYS_ID_MAX + 2];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_true(mrl_keys_id_valid(mrl_bytes_of(text, MRL_KEYS_ID_MAX)));
    assert_false(mrl_keys_id_valid(mrl_bytes_of(text, MRL_KEYS_ID_MAX + 1)));
    assert_false(mrl_keys_id_valid(MRL_BYTES_NONE));
    assert_true(mrl_keys_id_valid(MRL_LIT("A.z_9:-")));
    assert_false(mrl_keys_id_valid(MRL_LIT(".a")));
    assert_false(mrl_keys_id_valid(MRL_LIT("-a")));
}

static void no_other_byte_gets_into_an_id(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        uint8_t text[2] = {'a', (uint8_t)c};
        bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == ':' || c == '-';

        assert_int_equal(mrl_keys_id_valid(mrl_bytes_of(text, 2)), allowed);
    }
}

static void a_tenant_cannot_forge_the_parts_of_a_uri(void **state)
{
    (void)state;
    assert_true(mrl_keys_tenant_valid(MRL_LIT("plant-7")));
    assert_false(mrl_keys_tenant_valid(MRL_LIT("a:device")));
    assert_false(mrl_keys_tenant_valid(MRL_LIT("-a")));
    assert_false(mrl_keys_tenant_valid(MRL_LIT("Plant")));
    assert_false(mrl_keys_tenant_valid(MRL_BYTES_NONE));
}

static void host_names_are_strict(void **state)
{
    char label[64];

    (void)state;
    memset(label, 'a', sizeof(label));
    assert_true(mrl_keys_dns_valid(MRL_LIT("localhost")));
    assert_true(mrl_keys_dns_valid(MRL_LIT("*.fleet.example")));
    assert_true(mrl_keys_dns_valid(mrl_bytes_of(label, 63)));
    assert_false(mrl_keys_dns_valid(mrl_bytes_of(label, 64)));
    assert_false(mrl_keys_dns_valid(MRL_LIT("Fleet.example")));
    assert_false(mrl_keys_dns_valid(MRL_LIT("a..b")));
    assert_false(mrl_keys_dns_valid(MRL_LIT("a.example.")));
    assert_false(mrl_keys_dns_valid(MRL_LIT("-a.example")));
    assert_false(mrl_keys_dns_valid(MRL_LIT("a-.example")));
    assert_false(mrl_keys_dns_valid(MRL_LIT("a.*.example")));
    assert_false(mrl_keys_dns_valid(MRL_LIT("*.")));
    assert_false(mrl_keys_dns_valid(MRL_LIT("*")));
    assert_false(mrl_keys_dns_valid(MRL_LIT("a\0b.example")));
    assert_false(mrl_keys_dns_valid(MRL_BYTES_NONE));
}

static void a_uri_names_tenant_kind_and_id(void **state)
{
    char uri[MRL_KEYS_URI_MAX];
    char id[MRL_KEYS_ID_MAX], tenant[MRL_KEYS_TENANT_MAX];

    (void)state;
    assert_ok(mrl_keys_uri(MRL_KEYS_APPLICATION, MRL_LIT("acme"), MRL_LIT("billing"), uri));
    assert_string_equal(uri, "urn:merlon:acme:app:billing");
    assert_int_equal(mrl_keys_uri(MRL_KEYS_SERVER, MRL_LIT("acme"), MRL_LIT("n"), uri),
                     MRL_ERR_INVALID);
    assert_int_equal(mrl_keys_uri(MRL_KEYS_DEVICE, MRL_LIT("acme"), MRL_LIT("a/b"), uri),
                     MRL_ERR_INVALID);
    memset(id, 'i', sizeof(id));
    memset(tenant, 't', sizeof(tenant));
    assert_ok(mrl_keys_uri(MRL_KEYS_OPERATOR, mrl_bytes_of(tenant, sizeof(tenant)),
                           mrl_bytes_of(id, sizeof(id)), uri));
    assert_int_equal(strlen(uri), strlen("urn:merlon::operator:") + sizeof(id) + sizeof(tenant));
}

static void a_list_is_named_by_its_ca_and_what_it_holds(void **state)
{
    const mrl_bytes ca = MRL_LIT("\x01\x23\x45\x67\x89\xab\xcd\xef and more");
    char name[MRL_KEYS_CRL_NAME_MAX], url[MRL_KEYS_CRL_URL_MAX];

    (void)state;
    mrl_keys_crl_name(ca, MRL_KEYS_CRL_FULL, 0, name);
    assert_string_equal(name, "0123456789abcdef.crl");
    mrl_keys_crl_name(ca, MRL_KEYS_CRL_DELTA, 0, name);
    assert_string_equal(name, "0123456789abcdef-delta.crl");
    mrl_keys_crl_url(MRL_LIT("http://h/p"), ca, MRL_KEYS_CRL_SHARD, 7, url);
    assert_string_equal(url, "http://h/p/crl/0123456789abcdef-07.crl");
}

static void a_url_is_plain_http_and_can_be_added_to(void **state)
{
    static const mrl_bytes bad[] = {
        MRL_LIT_INIT(""),           MRL_LIT_INIT("http://"),     MRL_LIT_INIT("https://h"),
        MRL_LIT_INIT("http://h/"),  MRL_LIT_INIT("http://h h"),  MRL_LIT_INIT("http://h?x"),
        MRL_LIT_INIT("http://h#x"), MRL_LIT_INIT("http://h\0"),  MRL_LIT_INIT("http://\xc3\xa4"),
        MRL_LIT_INIT("HTTP://h"),   MRL_LIT_INIT("http://h\"x"),
    };
    char url[MRL_KEYS_URL_MAX + 1] = "http://";

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_false(mrl_keys_url_valid(bad[i]));
    assert_true(mrl_keys_url_valid(MRL_LIT("http://[::1]:8080/pki/a-b_c~d")));
    memset(&url[7], 'h', sizeof(url) - 7);
    assert_true(mrl_keys_url_valid(mrl_bytes_of(url, MRL_KEYS_URL_MAX)));
    assert_false(mrl_keys_url_valid(mrl_bytes_of(url, MRL_KEYS_URL_MAX + 1)));
}

static void the_origin_of_the_audit_log_names_the_tenant(void **state)
{
    char origin[MRL_KEYS_ORIGIN_MAX], tenant[MRL_KEYS_TENANT_MAX];

    (void)state;
    mrl_keys_audit_origin(MRL_LIT("acme"), origin);
    assert_string_equal(origin, "acme/merlon-audit");
    memset(tenant, 't', sizeof(tenant));
    mrl_keys_audit_origin(mrl_bytes_of(tenant, sizeof(tenant)), origin);
    assert_int_equal(strlen(origin), sizeof(tenant) + strlen("/merlon-audit"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_have_128_characters_at_most_and_begin_with_none_of_two),
        cmocka_unit_test(no_other_byte_gets_into_an_id),
        cmocka_unit_test(a_tenant_cannot_forge_the_parts_of_a_uri),
        cmocka_unit_test(host_names_are_strict),
        cmocka_unit_test(a_uri_names_tenant_kind_and_id),
        cmocka_unit_test(a_list_is_named_by_its_ca_and_what_it_holds),
        cmocka_unit_test(a_url_is_plain_http_and_can_be_added_to),
        cmocka_unit_test(the_origin_of_the_audit_log_names_the_tenant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

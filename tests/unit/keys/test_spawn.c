/* SPDX-License-Identifier: Apache-2.0 */
/* The real process in its sandbox, as the daemon starts it. */
#include "keys/spawn.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "keys/keeper.h"
#include "keys/keystore_files.h"
#include "tests/unit/keys/fixture.h"
#include "tests/unit/unit.h"
#include "tlog/checkpoint.h"

enum { THREADS = 2, CALLS = 40, FLOOD = 5000 };

static char folder[FIXTURE_PATH_MAX];

static int make_keystore(void **state)
{
    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    return 0;
}

static int remove_keystore(void **state)
{
    (void)state;
    fixture_remove(folder);
    return 0;
}

static struct mrl_keys_options options(void)
{
    return (struct mrl_keys_options){.program = getenv("MERLON_KEYS"), .dir = folder};
}

static struct mrl_keys_client *spawn(void)
{
    const struct mrl_keys_options o = options();
    struct mrl_keys_client *c = NULL;
    struct mrl_why why = {0};

    if (mrl_keys_spawn(&o, &c, &why) != MRL_OK)
        fail_msg("%s", why.text);
    return c;
}

/* To say to it what the client never would. */
static int spawn_bare(pid_t *pid)
{
    return fixture_process(getenv("MERLON_KEYS"), folder, pid);
}

static mrl_err issue(struct mrl_keys_client *c, const char *id, struct mrl_buf *der,
                     struct mrl_why *why)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    struct mrl_keys_issue want = {.kind = MRL_KEYS_DEVICE,
                                  .id = mrl_str(id),
                                  .not_before = mrl_wall_s(),
                                  .not_after = mrl_wall_s() + 86400};

    MRL_TRY(mrl_key_generate(MRL_KEY_P256, &key, why));
    MRL_TRY(mrl_key_to_spki(key, &spki));
    want.spki = mrl_buf_bytes(&spki);
    return mrl_keys_issue(c, &want, der, why);
}

/* Whatever the daemon asks of it: the neutral element of Ed25519, under which everything verifies.
 */
static void a_key_that_is_worth_nothing_is_not_certified(void **state)
{
    static const uint8_t neutral[44] = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00\x01";
    const struct mrl_keys_issue want = {.kind = MRL_KEYS_DEVICE,
                                        .id = MRL_LIT("pump-1"),
                                        .spki = mrl_bytes_of(neutral, sizeof(neutral)),
                                        .not_before = mrl_wall_s(),
                                        .not_after = mrl_wall_s() + 86400};
    MRL_AUTO(mrl_keys_client) c = spawn();
    MRL_SCOPED(mrl_keys_info) info = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_why why = {""};

    (void)state;
    assert_ok(mrl_keys_info_get(c, &info, NULL));
    assert_int_equal(mrl_keys_issue(c, &want, &der, &why), MRL_ERR_DENIED);
    assert_non_null(strstr(why.text, "small-order"));
    assert_int_equal(der.len, 0);
}

static void a_certificate_from_the_process_chains_to_its_root(void **state)
{
    MRL_AUTO(mrl_keys_client) c = spawn();
    MRL_SCOPED(mrl_keys_info) info = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_SCOPED(mrl_cert_list) roots = {0};
    MRL_SCOPED(mrl_cert_list) between = {0};
    MRL_AUTO(mrl_cert) leaf = NULL;
    struct mrl_cert *cert = NULL;
    enum mrl_chain_reason reason;

    (void)state;
    assert_ok(mrl_keys_info_get(c, &info, NULL));
    assert_bytes_equal(info.facts.tenant, MRL_LIT("acme"));
    assert_ok(mrl_cert_from_der(info.facts.generations[0].cert, &cert));
    assert_ok(mrl_cert_list_add(&roots, cert));
    assert_ok(mrl_cert_from_der(info.facts.generations[1].cert, &cert));
    assert_ok(mrl_cert_list_add(&between, cert));
    assert_ok(issue(c, "pump-1", &der, NULL));
    assert_ok(mrl_cert_from_der(mrl_buf_bytes(&der), &leaf));
    assert_ok(
        mrl_cert_verify_chain(leaf, &between, &roots, MRL_PURPOSE_CLIENT, mrl_wall_s(), &reason));
}

static void every_call_works_inside_the_sandbox(void **state)
{
    MRL_AUTO(mrl_keys_client) c = spawn();
    uint8_t bytes[MRL_KEYS_WRAPPED_SIZE] = {1}, signature[MRL_KEYS_SIGNATURE_SIZE];
    struct mrl_keys_checkpoint want = {.size = 9, .root = mrl_bytes_of(bytes, sizeof(bytes))};
    MRL_SCOPED(mrl_buf) sealed = {0};
    MRL_AUTO(mrl_secret) key = NULL;
    struct mrl_why why = {0};

    (void)state;
    assert_ok(mrl_keys_ping(c, NULL));
    assert_ok(mrl_keys_sign_checkpoint(c, &want, signature, NULL));
    want.size = 8;
    assert_int_equal(mrl_keys_sign_checkpoint(c, &want, signature, &why), MRL_ERR_DENIED);
    assert_non_null(strstr(why.text, "would go back"));
    assert_ok(mrl_keys_wrap(c, MRL_LIT("ctx"), mrl_bytes_of(bytes, sizeof(bytes)), &sealed, NULL));
    assert_ok(mrl_keys_unwrap(c, MRL_LIT("ctx"), mrl_buf_bytes(&sealed), &key, NULL));
    assert_bytes_equal(mrl_secret_bytes(key), mrl_bytes_of(bytes, sizeof(bytes)));
    assert_int_equal(issue(c, "-bad", &sealed, &why), MRL_ERR_INVALID);
}

static void sign_first(const struct mrl_tlog_hash *root, struct mrl_buf *note)
{
    MRL_AUTO(mrl_keys_client) c = spawn();
    const struct mrl_keys_checkpoint want = {.size = 1,
                                             .root = mrl_bytes_of(root->bytes, MRL_TLOG_HASH)};
    MRL_SCOPED(mrl_keys_info) info = {0};
    MRL_SCOPED(mrl_note_key) key = {0};
    uint8_t signature[MRL_KEYS_SIGNATURE_SIZE];
    char text[MRL_CHECKPOINT_TEXT_MAX];
    mrl_bytes written;

    assert_ok(mrl_keys_info_get(c, &info, NULL));
    assert_ok(mrl_keys_sign_checkpoint(c, &want, signature, NULL));
    assert_ok(mrl_note_key_make(MRL_LIT("acme/merlon-audit"), MRL_NOTE_ED25519,
                                info.facts.audit_key, &key));
    assert_ok(
        mrl_checkpoint_text(&(struct mrl_checkpoint){mrl_str(key.name), 1, *root}, text, &written));
    assert_ok(mrl_buf_append(note, written));
    assert_ok(mrl_buf_append(note, MRL_LIT("\n")));
    assert_ok(mrl_note_put_signature(note, mrl_str(key.name), key.id,
                                     mrl_bytes_of(signature, sizeof(signature))));
}

/* The note of the first request is verified, and the proof of the second, inside the sandbox. */
static void checkpoints_go_on_after_a_start_inside_the_sandbox(void **state)
{
    struct mrl_tlog_hash first = {{1}}, second = {{2}}, root;
    struct mrl_keys_checkpoint want = {.size = 1, .root = mrl_bytes_of(first.bytes, MRL_TLOG_HASH)};
    uint8_t signature[MRL_KEYS_SIGNATURE_SIZE];
    MRL_SCOPED(mrl_buf) note = {0};
    struct mrl_why why = {0};

    (void)state;
    assert_ok(mrl_tlog_node(&first, &second, &root));
    sign_first(&first, &note);
    for (int start = 0; start < 2; start++) {
        MRL_AUTO(mrl_keys_client) c = spawn();

        want = (struct mrl_keys_checkpoint){.old = 1,
                                            .size = 2,
                                            .root = mrl_bytes_of(root.bytes, MRL_TLOG_HASH),
                                            .proof = mrl_bytes_of(second.bytes, MRL_TLOG_HASH),
                                            .note = mrl_buf_bytes(&note)};
        assert_ok(mrl_keys_sign_checkpoint(c, &want, signature, NULL));
        want.size = 1;
        assert_int_equal(mrl_keys_sign_checkpoint(c, &want, signature, &why), MRL_ERR_DENIED);
        assert_non_null(strstr(why.text, "would go back"));
    }
}

static void every_kind_of_key_can_be_certified_inside_the_sandbox(void **state)
{
    static const enum mrl_key_type types[] = {MRL_KEY_P256, MRL_KEY_P384, MRL_KEY_ED25519};
    MRL_AUTO(mrl_keys_client) c = spawn();

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(types); i++) {
        MRL_AUTO(mrl_key) key = NULL;
        MRL_SCOPED(mrl_buf) spki = {0};
        MRL_SCOPED(mrl_buf) der = {0};
        struct mrl_keys_issue want = {.kind = MRL_KEYS_APPLICATION,
                                      .id = MRL_LIT("billing"),
                                      .not_before = mrl_wall_s(),
                                      .not_after = mrl_wall_s() + 60};

        assert_ok(mrl_key_generate(types[i], &key, NULL));
        assert_ok(mrl_key_to_spki(key, &spki));
        want.spki = mrl_buf_bytes(&spki);
        assert_ok(mrl_keys_issue(c, &want, &der, NULL));
    }
}

static void limits_reach_the_process(void **state)
{
    struct mrl_keys_options o = options();
    MRL_AUTO(mrl_keys_client) c = NULL;
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_why why = {0};

    (void)state;
    o.max_lifetime_s[MRL_KEYS_DEVICE] = 86399;
    assert_ok(mrl_keys_spawn(&o, &c, NULL));
    assert_int_equal(issue(c, "pump-1", &der, &why), MRL_ERR_DENIED);
    assert_non_null(strstr(why.text, "86399"));
    mrl_keys_client_free(MRL_TAKE(c));
    o.max_lifetime_s[MRL_KEYS_DEVICE] = 0;
    o.issue_rate = 1;
    o.issue_burst = 1;
    assert_ok(mrl_keys_spawn(&o, &c, NULL));
    assert_ok(issue(c, "pump-1", &der, NULL));
    assert_int_equal(issue(c, "pump-1", &der, NULL), MRL_ERR_BUSY);
}

/* Random and half-right packets; answers are read away so that neither side waits. */
static void flood(int fd, unsigned seed)
{
    uint8_t junk[300], answer[1024];

    for (int i = 0; i < FLOOD; i++) {
        size_t len = (size_t)rand_r(&seed) % sizeof(junk);

        for (size_t at = 0; at < len; at++)
            junk[at] = (uint8_t)rand_r(&seed);
        if (len > 1 && i % 2 == 0) {
            junk[0] = MRL_KEYS_VERSION;
            junk[1] = (uint8_t)(MRL_KEYS_ISSUE + i % 4);
        }
        assert_int_equal(send(fd, junk, len, MSG_NOSIGNAL), len);
        while (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
            ;
    }
}

static void garbage_is_counted_and_the_next_request_served(void **state)
{
    MRL_AUTO(mrl_keys_client) c = NULL;
    MRL_SCOPED(mrl_keys_info) info = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    pid_t pid;
    int fd = spawn_bare(&pid);

    (void)state;
    assert_ok(mrl_keys_client_new(fd, pid, 10000, &c));
    assert_ok(mrl_keys_ping(c, NULL));
    flood(fd, 20261123);
    assert_ok(issue(c, "pump-1", &der, NULL));
    assert_ok(mrl_keys_info_get(c, &info, NULL));
    assert_true(info.facts.malformed + info.facts.refused >= FLOOD);
    assert_true(info.facts.malformed > FLOOD / 2);
    assert_int_equal(info.facts.served, 2);
}

static void an_oversize_packet_and_an_empty_one_are_survived(void **state)
{
    static uint8_t large[MRL_KEYS_MESSAGE_MAX + 1] = {MRL_KEYS_VERSION, MRL_KEYS_PING};
    MRL_AUTO(mrl_keys_client) c = NULL;
    MRL_SCOPED(mrl_keys_info) info = {0};
    struct mrl_keys_answer a;
    uint8_t reply[256];
    ssize_t n;
    pid_t pid;
    int fd = spawn_bare(&pid);

    (void)state;
    assert_int_equal(send(fd, large, sizeof(large), 0), sizeof(large));
    n = recv(fd, reply, sizeof(reply), 0);
    assert_true(n > 0);
    assert_ok(mrl_keys_read_answer(mrl_bytes_of(reply, (size_t)n), &a));
    assert_int_equal(a.status, MRL_ERR_MALFORMED);
    assert_int_equal(send(fd, large, 0, 0), 0);
    assert_ok(mrl_keys_client_new(fd, pid, 10000, &c));
    assert_ok(mrl_keys_info_get(c, &info, NULL));
    assert_int_equal(info.facts.malformed, 2);
}

static void the_end_of_the_daemon_ends_it(void **state)
{
    struct mrl_keys_client *c;
    int status;
    pid_t pid;
    int fd = spawn_bare(&pid);
    siginfo_t end = {0};

    (void)state;
    assert_ok(mrl_keys_client_new(fd, /*pid=*/0, 10000, &c));
    assert_ok(mrl_keys_ping(c, NULL));
    assert_int_equal(kill(pid, SIGTERM), 0); /* the daemon may still need it */
    assert_ok(mrl_keys_ping(c, NULL));
    assert_int_equal(waitid(P_PID, (id_t)pid, &end, WEXITED | WNOHANG), 0);
    assert_int_equal(end.si_pid, 0);
    mrl_keys_client_free(c);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0); /* left in order, not killed by its sandbox */
}

static void its_death_is_told_to_every_caller(void **state)
{
    MRL_AUTO(mrl_keys_client) c = spawn();
    struct mrl_why why = {0};

    (void)state;
    assert_int_equal(kill(mrl_keys_client_pid(c), SIGKILL), 0);
    assert_int_equal(mrl_keys_ping(c, &why), MRL_ERR_CLOSED);
    assert_non_null(strstr(why.text, "has ended"));
}

/* Whether a line of /proc/<pid>/<file> begins with text. */
static bool kernel_says(pid_t pid, const char *name, const char *text)
{
    char path[64], line[256];
    bool found = false;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    file = fopen(path, "r");
    assert_non_null(file);
    while (!found && fgets(line, sizeof(line), file) != NULL)
        found = strncmp(line, text, strlen(text)) == 0;
    assert_int_equal(fclose(file), 0);
    return found;
}

static void the_kernel_confirms_its_sandbox(void **state)
{
    MRL_AUTO(mrl_keys_client) c = spawn();
    pid_t pid = mrl_keys_client_pid(c);

    (void)state;
    assert_true(kernel_says(pid, "status", "Seccomp:\t2\n"));
    assert_true(kernel_says(pid, "status", "NoNewPrivs:\t1\n"));
    assert_true(kernel_says(pid, "status", "Threads:\t1\n"));
    assert_true(kernel_says(pid, "limits", "Max core file size        0                    0 "));
}

struct caller {
    struct mrl_keys_client *client;
    unsigned number;
    mrl_err err;
};

static void *call_often(void *argument)
{
    struct caller *me = argument;

    for (unsigned i = 0; i < CALLS && me->err == MRL_OK; i++) {
        MRL_SCOPED(mrl_buf) der = {0};
        MRL_AUTO(mrl_cert) cert = NULL;
        char id[32];

        (void)snprintf(id, sizeof(id), "device-%u-%u", me->number, i);
        me->err = issue(me->client, id, &der, NULL);
        if (me->err == MRL_OK)
            me->err = mrl_cert_from_der(mrl_buf_bytes(&der), &cert);
        if (me->err == MRL_OK && !mrl_bytes_eq(mrl_cert_facts(cert)->cn, mrl_str(id)))
            me->err = MRL_ERR_STATE; /* somebody else's answer */
    }
    return NULL;
}

static void two_threads_each_get_their_own_answers(void **state)
{
    MRL_AUTO(mrl_keys_client) c = spawn();
    struct caller callers[THREADS] = {0};
    pthread_t threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){c, i, MRL_OK};
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(callers[i].err, MRL_OK);
    }
}

static void what_cannot_start_says_why(void **state)
{
    struct mrl_keys_options o = options();
    struct mrl_keys_client *c = NULL;
    struct mrl_why why = {0};

    (void)state;
    o.program = "/nonexistent/merlon-keys";
    assert_int_equal(mrl_keys_spawn(&o, &c, &why), MRL_ERR_CLOSED);
    assert_string_equal(why.text, "/nonexistent/merlon-keys cannot be executed");
    o = options();
    assert_int_equal(chmod(fixture_path(folder, MRL_KEYSTORE_ROOT), 0644), 0);
    assert_int_equal(mrl_keys_spawn(&o, &c, &why), MRL_ERR_CLOSED);
    assert_non_null(strstr(why.text, "refused to start"));
    assert_null(c);
}

static void a_process_that_says_nothing_is_not_waited_for(void **state)
{
    struct mrl_keys_options o = options();
    struct mrl_keys_client *c = NULL;
    uint64_t start = mrl_monotonic_ms();

    (void)state;
    o.program = getenv("MERLON_SILENT");
    o.start_timeout_ms = 100;
    assert_int_equal(mrl_keys_spawn(&o, &c, NULL), MRL_ERR_TIMEOUT);
    assert_true(mrl_monotonic_ms() - start >= 100);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left behind */
    assert_int_equal(errno, ECHILD);
}

static void the_keeper_starts_one_a_second(void **state)
{
    struct mrl_keys_options o = options();
    MRL_AUTO(mrl_keys_keeper) keeper = NULL;
    MRL_AUTO(mrl_keys_client) c = NULL;
    uint64_t begin;

    (void)state;
    assert_ok(mrl_keys_keeper_start(&o, &keeper, NULL));
    assert_ok(mrl_keys_spawn(&o, &c, NULL));
    begin = mrl_monotonic_ms();
    assert_ok(mrl_keys_keeper_restart(keeper, c, NULL)); /* at once: nothing was started yet */
    assert_ok(mrl_keys_keeper_restart(keeper, c, NULL));
    assert_true(mrl_monotonic_ms() - begin >= 1000);
    assert_ok(mrl_keys_ping(c, NULL));
}

static void run_init(const char *made, const char *option, const char *value)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        if (freopen("/dev/null", "w", stdout) != NULL)
            (void)execl(getenv("MERLON_KEYS"), "merlon-keys", "init", "--dir", made, option, value,
                        NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void init_on_the_command_line_makes_what_serve_opens(void **state)
{
    char made[FIXTURE_PATH_MAX + 16];
    struct mrl_keys_options o = options();
    MRL_AUTO(mrl_keys_client) c = NULL;
    MRL_SCOPED(mrl_keys_info) info = {0};

    (void)state;
    (void)snprintf(made, sizeof(made), "%s.made", folder);
    run_init(made, "--tenant", "plant-7");
    o.dir = made;
    assert_ok(mrl_keys_spawn(&o, &c, NULL));
    assert_ok(mrl_keys_info_get(c, &info, NULL));
    assert_bytes_equal(info.facts.tenant, MRL_LIT("plant-7"));
    mrl_keys_client_free(MRL_TAKE(c));
    fixture_remove(made);
}

static void as_root_it_becomes_the_user_given(void **state)
{
    char made[FIXTURE_PATH_MAX + 16];
    struct mrl_keys_options o = options();
    MRL_AUTO(mrl_keys_client) c = NULL;

    (void)state;
    if (geteuid() != 0)
        skip_because("only root can become another user");
    (void)snprintf(made, sizeof(made), "%s.made", folder);
    run_init(made, "--user", "nobody");
    o.dir = made;
    o.user = "nobody";
    assert_ok(mrl_keys_spawn(&o, &c, NULL));
    assert_true(
        kernel_says(mrl_keys_client_pid(c), "status", "Uid:\t65534\t65534\t65534\t65534\n"));
    assert_true(kernel_says(mrl_keys_client_pid(c), "status", "CapPrm:\t0000000000000000\n"));
    assert_true(kernel_says(mrl_keys_client_pid(c), "status", "Groups:\t \n"));
    mrl_keys_client_free(MRL_TAKE(c));
    fixture_remove(made);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, make_keystore, remove_keystore)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_certificate_from_the_process_chains_to_its_root),
        FRESH(a_key_that_is_worth_nothing_is_not_certified),
        FRESH(every_call_works_inside_the_sandbox),
        FRESH(checkpoints_go_on_after_a_start_inside_the_sandbox),
        FRESH(every_kind_of_key_can_be_certified_inside_the_sandbox),
        FRESH(limits_reach_the_process),
        FRESH(garbage_is_counted_and_the_next_request_served),
        FRESH(an_oversize_packet_and_an_empty_one_are_survived),
        FRESH(the_end_of_the_daemon_ends_it),
        FRESH(its_death_is_told_to_every_caller),
        FRESH(the_kernel_confirms_its_sandbox),
        FRESH(two_threads_each_get_their_own_answers),
        FRESH(what_cannot_start_says_why),
        FRESH(a_process_that_says_nothing_is_not_waited_for),
        FRESH(the_keeper_starts_one_a_second),
        FRESH(as_root_it_becomes_the_user_given),
        FRESH(init_on_the_command_line_makes_what_serve_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

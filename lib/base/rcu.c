/* SPDX-License-Identifier: Apache-2.0 */
#define _LGPL_SOURCE /* for the reader's own record: is this thread registered? */
#include "base/rcu.h"

#include <pthread.h>
#include <stdlib.h>

char mrl_rcu_readers;

static pthread_key_t at_thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void leave(void *set)
{
    (void)set;
    if (URCU_TLS(urcu_memb_reader).registered)
        urcu_memb_unregister_thread();
}

static void make_key(void)
{
    if (pthread_key_create(&at_thread_end, leave) != 0)
        abort();
}

void mrl_rcu_register(void)
{
    if (URCU_TLS(urcu_memb_reader).registered)
        return;
    (void)pthread_once(&once, make_key); /* cannot fail with a static control */
    if (pthread_setspecific(at_thread_end, &mrl_rcu_readers) != 0)
        abort();
    urcu_memb_register_thread();
}

#ifdef MRL_RCU_TSAN
/* What liburcu allocates and frees for itself is ordered by means ThreadSanitizer does not see; our
 * own accesses stay watched. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:liburcu-memb.so\ncalled_from_lib:liburcu-cds.so\n";
}
#endif

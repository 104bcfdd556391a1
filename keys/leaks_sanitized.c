/* SPDX-License-Identifier: Apache-2.0 */
/* The search for leaks at exit stops the process from a traced clone, which the sandbox is there to
 * prevent: it would be killed. A program that never closes the sandbox is searched in its place. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return 1;
}

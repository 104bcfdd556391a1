/* SPDX-License-Identifier: Apache-2.0 */
/* The eight leaves that implementations of RFC 6962 test with, and what comes of them. */
#ifndef MRL_TESTS_TLOG_VECTORS_H
#define MRL_TESTS_TLOG_VECTORS_H

#include "base/bytes.h"

static const mrl_bytes vector_entries[8] = {
    MRL_LIT_INIT(""),
    MRL_LIT_INIT("\x00"),
    MRL_LIT_INIT("\x10"),
    MRL_LIT_INIT("\x20\x21"),
    MRL_LIT_INIT("\x30\x31"),
    MRL_LIT_INIT("\x40\x41\x42\x43"),
    MRL_LIT_INIT("\x50\x51\x52\x53\x54\x55\x56\x57"),
    MRL_LIT_INIT("\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"),
};
static const char *const vector_roots[9] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"

static bool is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool mrl_id_valid(mrl_bytes id)
{
    if (id.len == 0 || id.len > MRL_ID_MAX || id.data[0] == '.' || id.data[0] == '-')
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!is_plain(id.data[i]) && id.data[i] != ':')
            return false;
    return true;
}

bool mrl_label_valid(mrl_bytes label)
{
    if (label.len == 0 || label.len > MRL_LABEL_MAX || label.data[0] == '.')
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!is_plain(label.data[i]))
            return false;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The route table as text, for openapi_agrees.py. */
#include <stdio.h>

#include "api/request.h"

int main(void)
{
    for (size_t i = 0; i < mrl_api_route_count; i++)
        (void)printf("%s %s %s\n", mrl_api_routes[i].method, mrl_api_routes[i].path,
                     mrl_api_permission_name(mrl_api_routes[i].permission));
    return 0;
}

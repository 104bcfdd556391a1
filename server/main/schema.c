/* SPDX-License-Identifier: Apache-2.0 */
#include "main/schema.h"

#include "access/access.h"
#include "audit/audit.h"
#include "devices/denied_key.h"
#include "devices/device_log.h"
#include "devices/expectation.h"
#include "devices/hardware.h"
#include "devices/psk.h"
#include "devices/purges.h"
#include "devices/registry.h"
#include "devices/wipe.h"
#include "export/export.h"
#include "issuing/generations.h"
#include "issuing/overdue.h"
#include "issuing/renewals.h"
#include "main/clock_watch.h"
#include "messages/ledger.h"
#include "onboarding/approval.h"
#include "onboarding/maker.h"
#include "onboarding/templates.h"
#include "onboarding/token.h"
#include "revocation/revocation.h"
#include "store/seal_keys.h"

void mrl_schema(struct mrl_migration_list out[static MRL_SCHEMA_LISTS])
{
    const struct mrl_migration_list lists[MRL_SCHEMA_LISTS] = {
        mrl_seal_migrations,       mrl_audit_migrations,       mrl_access_migrations,
        mrl_devices_migrations,    mrl_token_migrations,       mrl_export_migrations,
        mrl_device_log_migrations, mrl_psk_migrations,         mrl_messages_migrations,
        mrl_lists_migrations,      mrl_revocation_migrations,  mrl_provisioning_migrations,
        mrl_hardware_migrations,   mrl_maker_migrations,       mrl_approval_migrations,
        mrl_ca_migrations,         mrl_renewals_migrations,    mrl_clock_migrations,
        mrl_overdue_migrations,    mrl_expectation_migrations, mrl_purges_migrations,
        mrl_denied_key_migrations, mrl_wipe_migrations};

    for (size_t i = 0; i < MRL_SCHEMA_LISTS; i++)
        out[i] = lists[i];
}

// SPDX-License-Identifier: GPL-2.0-or-later
// How our counts compare with the kernel's own, for messages and JSON.
#pragma once

#include "src/classify/reconcile.h"
#include "src/report/json.h"
#include "src/report/log.h"

namespace vmsift {

// Verdicts are warnings; the numbers belong to the report, beside its table.
void report_reconciliation(const Reconciliation& reconciliation, const Log& log);

// The field "reconciliation" of an object.
void describe_reconciliation(JsonWriter& json, const Reconciliation& reconciliation);

}  // namespace vmsift

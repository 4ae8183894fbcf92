// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/reconciliation_report.h"

namespace vmsift {

void report_reconciliation(const Reconciliation& reconciliation, const Log& log) {
  for (const std::string& verdict : reconciliation.verdicts) log.warning("{}", verdict);
  for (const Comparison& c : reconciliation.comparisons) {
    log.remark("{}: {} found, {} counted by the kernel ({})", c.what, c.found, c.counted,
               c.counter);
  }
  if (reconciliation.torn_lists != 0) {
    log.warning("{} free lists are broken: free pages behind that are kept",
                reconciliation.torn_lists);
  }
  if (reconciliation.not_compared.empty()) return;
  const std::string why =
      "free pages are not compared with the kernel's count: " + reconciliation.not_compared;
  if (reconciliation.is_named) {
    log.warning("{}", why);
  } else {
    log.remark("{}", why);
  }
}

void describe_reconciliation(JsonWriter& json, const Reconciliation& reconciliation) {
  json.begin_object("reconciliation");
  json.begin_array("comparisons");
  for (const Comparison& c : reconciliation.comparisons) {
    json.begin_object()
        .field("pages", c.what)
        .field("counter", c.counter)
        .field("found", c.found)
        .field("counted", c.counted)
        .field("tolerance", c.tolerance)
        .field("agree", c.agree)
        .end_object();
  }
  json.end_array();
  json.field("not_compared", reconciliation.not_compared);
  json.field("torn_free_lists", reconciliation.torn_lists);
  json.begin_array("verdicts");
  for (const std::string& verdict : reconciliation.verdicts) json.element(verdict);
  json.end_array();
  json.end_object();
}

}  // namespace vmsift

#include "config/loader.h"

#include <algorithm>
#include <utility>

#include "config/expand.h"
#include "config/files.h"
#include "config/report.h"
#include "config/resolve.h"

namespace tunneld::config {

bool LoadResult::has_errors() const {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return !finding.warning; });
}

LoadResult load(const LoadRequest& request) {
  Report report;
  Expander expander(request);
  FileSet files(request, report, expander);
  files.read();
  Resolved resolved = resolve(files.files(), request.user, files.source_missing(), report);
  LoadResult result;
  result.catalog = std::move(resolved.catalog);
  result.left_out = std::move(resolved.left_out);
  result.findings = report.take();
  result.variables = expander.used();
  result.files = files.paths();
  return result;
}

}  // namespace tunneld::config

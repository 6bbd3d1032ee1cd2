// The findings of `check` as text, as JSON and as GitHub's workflow commands. Pure functions.
#pragma once

#include <string>

#include "config/loader.h"
#include "core/control/json.h"

namespace tunneld::cli {

// config::render_finding() without control characters, the path relative to `folder` when it is below it; an
// empty `folder` leaves it absolute.
std::string finding_text(const config::Finding& finding, const std::string& folder);

// {"schema": 1, "findings": [{file, line, column, severity, code, message, fix}]}; line and column are null
// for a finding that has none.
control::Json findings_json(const std::vector<config::Finding>& findings);

// "::error file=...,line=...,col=...::message", escaped as GitHub's toolkit does (@actions/core, command.ts);
// ended by '\n'.
std::string finding_github(const config::Finding& finding, const std::string& folder);

// "2 files, 3 profiles: no mistakes"
std::string summary_text(const config::LoadResult& loaded);

}  // namespace tunneld::cli

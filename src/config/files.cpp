#include "config/files.h"

#include <algorithm>
#include <utility>

#include "config/disk.h"
#include "config/reader.h"
#include "config/yaml_tree.h"

namespace tunneld::config {
namespace {

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

bool is_glob(const std::string& pattern) {
  return pattern.find_first_of("*?[") != std::string::npos;
}

// Line and byte column, both from 0, of an offset of a text that is not known to be UTF-8.
Place place_of(const Source& source, std::size_t offset) {
  const std::string_view before = std::string_view(source.text()).substr(0, offset);
  const auto line = static_cast<int>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t begin = before.rfind('\n');
  const std::size_t column = begin == std::string_view::npos ? offset : offset - begin - 1;
  return source.place(line, static_cast<int>(column), 1);
}

// Reports what keeps the text from being parsed at all.
bool text_is_sound(const Source& source, Report& report) {
  const TextFault fault = find_text_fault(source.text());
  if (fault.offset == std::string_view::npos) return true;
  const Spot spot{&source, place_of(source, fault.offset)};
  report.secrets().read_lines(source, true);
  if (fault.encoding)
    report.error(spot, "this byte is not UTF-8", "save the file as UTF-8");
  else
    report.error(spot, "the file holds a control character here", "take it out");
  return false;
}

void read_definitions(const Source& source, Reader& reader) {
  if (!text_is_sound(source, reader.report)) {
    reader.file.failed = true;
    return;
  }
  const Tree tree = parse_yaml(source, reader.report);
  if (tree.root != nullptr && tree.root->kind != Node::Kind::null) {
    config::read_file(reader, *tree.root);
    return;
  }
  reader.file.failed = true;
  if (tree.empty || tree.root != nullptr)
    reader.report.error({&source, {1, 1, 1}}, "the file is empty", "begin it with `version: 1`");
}

}  // namespace

void FileSet::refuse(const std::string& path, const Spot* origin, const std::string& why,
                     const std::string& fix) {
  if (origin != nullptr)
    report_.error(*origin, path + " " + why, fix);
  else
    report_.file_error(path, why, fix);
}

std::optional<std::size_t> FileSet::read_file(const std::string& path, bool overrides, const Spot* origin) {
  if (too_many_) return std::nullopt;
  Result<FileText> text = read_text(path);
  if (!text) {
    refuse(path, origin, text.error().message, text.error().fix);
    return std::nullopt;
  }
  if (const auto known = by_identity_.find(text->identity); known != by_identity_.end()) return known->second;
  if (files_.size() == kMaxFiles) {
    too_many_ = true;
    refuse(path, origin, "is one file too many: at most 256 are read", "name fewer files");
    return std::nullopt;
  }
  const std::size_t index = files_.size();
  by_identity_[text->identity] = index;
  const Source& source = sources_.emplace_back(path, std::move(text->text));
  paths_.push_back(path);
  FileDefinition& file = files_.emplace_back();
  file.source = &source;
  file.overrides = overrides;
  Reader reader{report_, expander_, file};
  read_definitions(source, reader);
  read_includes(index);
  return index;
}

void FileSet::include(std::size_t index, const std::string& path, const Spot& origin) {
  const auto included = read_file(path, files_[index].overrides, &origin);
  if (!included) {
    files_[index].failed = true;
    return;
  }
  if (const auto begin = std::find(open_.begin(), open_.end(), *included); begin != open_.end()) {
    std::string chain;
    for (auto file = begin; file != open_.end(); ++file) chain += paths_[*file] + " -> ";
    report_.error(origin, "files include each other in a circle: " + chain + paths_[*included],
                  "take one of the includes out");
    files_[index].bad = true;
    return;
  }
  std::vector<std::size_t>& includes = files_[index].includes;
  if (std::find(includes.begin(), includes.end(), *included) != includes.end()) return;
  includes.push_back(*included);
  files_[*included].included_by.push_back(index);
}

void FileSet::read_includes(std::size_t index) {
  open_.push_back(index);
  const std::string folder = folder_of(paths_[index]);
  const std::string inside = folder + "/";
  const std::vector<Placed<std::string>> patterns = files_[index].include_patterns;
  for (const Placed<std::string>& pattern : patterns) {
    std::string name = pattern.value;
    if (name.starts_with("~/")) name = request_.home + name.substr(1);
    if (name.starts_with('~')) {
      report_.error(pattern.spot, in_quotes(name) + ": only one's own ~/ is known", "write the whole path");
      files_[index].failed = true;
      continue;
    }
    if (!is_glob(name)) {
      include(index, normal(name.starts_with('/') ? name : inside + name), pattern.spot);
      continue;
    }
    Result<std::vector<std::string>> matched = glob_files(folder, name);
    if (!matched) {
      report_.error(pattern.spot, in_quotes(pattern.value) + " " + matched.error().message, matched.error().fix);
      files_[index].failed = true;
      continue;
    }
    std::vector<std::string> found = std::move(*matched);
    std::erase_if(
        found, [&](const std::string& path) { return normal(path) == paths_[index]; });  // *.yaml is us too
    if (found.empty())
      report_.warning(pattern.spot, "no file matches " + in_quotes(pattern.value),
                      "check the pattern, or take it out");
    for (const std::string& path : found) include(index, normal(path), pattern.spot);
  }
  open_.pop_back();
}

void FileSet::read_source(const std::string& path) {
  if (request_.sources_may_be_missing && !exists(path)) return;
  if (!is_folder(path)) {
    if (!read_file(normal(path), false, nullptr)) source_missing_ = true;
    return;
  }
  const Result<std::vector<std::string>> found = profile_files(path);
  if (!found) {
    report_.file_error(path, found.error().message, found.error().fix);
    source_missing_ = true;
    return;
  }
  for (const std::string& file : *found)
    if (!read_file(normal(file), false, nullptr)) source_missing_ = true;
}

void FileSet::read_overrides() {
  if (request_.overrides.empty() || !exists(request_.overrides)) return;
  if (!read_file(normal(request_.overrides), true, nullptr)) source_missing_ = true;
}

void FileSet::read() {
  for (const std::string& source : request_.sources) read_source(source);
  read_overrides();
}

}  // namespace tunneld::config

#include "cli/conversation.h"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <optional>
#include <utility>

#include "cli/output.h"
#include "core/sanitize.h"

namespace tunneld::cli {
namespace {

using control::Json;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kTick = 100ms;
constexpr auto kCancelTimeout = 2s;  // how long the daemon has to undo what was begun

// Says first which hop of which profile it is for: with several hops on the way, the address alone may
// mislead.
std::string prompt_text(const Json& prompt) {
  const std::string profile = sanitize(control::get_string(prompt, "profile"));
  const std::string hop = sanitize(control::get_string(prompt, "hop"));
  std::string text = hop.empty() ? "" : profile + ", hop " + hop + ":\n";
  return text + sanitize_lines(control::get_string(prompt, "text"));
}

class Conversation {
 public:
  Conversation(Client& client, const Handlers& handlers, Interrupts& interrupts,
               Clock::duration silence_limit)
      : client_(client), handlers_(handlers), interrupts_(interrupts), silence_limit_(silence_limit) {}
  ~Conversation();
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  Result<Json> run(const std::string& verb, Json args);

 private:
  Result<std::optional<Json>> take_replies();
  Result<std::optional<Json>> handle(const control::Reply& reply);
  Result<void> wait_for_something();
  Result<void> on_signal();
  Result<void> on_typed();
  void open_next_prompt();
  int poll_timeout() const;
  Error interrupted() const { return make_error(ErrorCode::interrupted, "interrupted"); }

  Client& client_;
  const Handlers& handlers_;
  Interrupts& interrupts_;
  Clock::duration silence_limit_;
  Clock::time_point heard_ = Clock::now();
  std::uint64_t id_ = 0;
  std::optional<Clock::time_point> cancelled_;
  int tty_ = -1;
  std::deque<Json> prompts_;  // the front one is on the terminal while prompt_open_
  bool prompt_open_ = false;
};

Conversation::~Conversation() {
  if (tty_ >= 0) ::close(tty_);
}

Result<Json> Conversation::run(const std::string& verb, Json args) {
  id_ = client_.next_id();
  if (auto sent = client_.send(control::Request{.id = id_, .verb = verb, .args = std::move(args)}); !sent)
    return fail(sent.error());
  while (true) {
    auto result = take_replies();
    if (!result || *result) {
      if (prompt_open_) write_err("\n");  // the question stands unanswered on its line
      if (cancelled_) return fail(interrupted());
      if (!result) return fail(result.error());
      return std::move(**result);
    }
    if (auto waited = wait_for_something(); !waited) return fail(waited.error());
  }
}

Result<std::optional<Json>> Conversation::take_replies() {
  while (true) {
    const auto reply = client_.take();
    if (!reply) return fail(reply.error());
    if (!*reply) return std::optional<Json>{};
    heard_ = Clock::now();
    if ((*reply)->id != id_) continue;  // of an earlier request that was given up
    auto result = handle(**reply);
    if (!result || *result) return result;
  }
}

Result<std::optional<Json>> Conversation::handle(const control::Reply& reply) {
  switch (reply.kind) {
    case control::Reply::Kind::event:
      handlers_.on_event(reply.body);
      break;
    case control::Reply::Kind::item:
      handlers_.on_item(reply.body);
      break;
    case control::Reply::Kind::prompt:
      prompts_.push_back(reply.body);
      if (!prompt_open_) open_next_prompt();
      break;
    case control::Reply::Kind::result:
      return std::optional<Json>(reply.body);
    case control::Reply::Kind::error:
      return fail(control::error_from_json(reply.body));
  }
  return std::optional<Json>{};
}

int Conversation::poll_timeout() const {
  Clock::time_point deadline = Clock::time_point::max();
  if (handlers_.on_tick && !prompt_open_) deadline = Clock::now() + kTick;
  if (cancelled_) deadline = std::min(deadline, *cancelled_ + kCancelTimeout);
  if (silence_limit_ > 0s) deadline = std::min(deadline, heard_ + silence_limit_);
  if (deadline == Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left, 0));
}

Result<void> Conversation::wait_for_something() {
  std::array<pollfd, 3> items = {{{.fd = client_.fd(), .events = POLLIN, .revents = 0},
                                  {.fd = interrupts_.fd(), .events = POLLIN, .revents = 0},
                                  {.fd = prompt_open_ ? tty_ : -1, .events = POLLIN, .revents = 0}}};
  if (::poll(items.data(), items.size(), poll_timeout()) < 0 && errno != EINTR) return fail(interrupted());
  if (items[1].revents != 0)
    if (auto done = on_signal(); !done) return done;
  if (items[2].revents != 0)
    if (auto done = on_typed(); !done) return done;
  if (items[0].revents != 0) {
    const auto more = client_.read_more();
    if (!more) return fail(more.error());
    if (!*more && cancelled_) return fail(interrupted());
    if (!*more)
      return fail(make_error(ErrorCode::daemon_unreachable, "the daemon ended the connection",
                             "it was stopped, or it has crashed",
                             "see \"tunneld logs\"; \"tunneld up\" starts it again"));
  }
  const auto now = Clock::now();
  if (cancelled_ && now >= *cancelled_ + kCancelTimeout) return fail(interrupted());
  if (silence_limit_ > 0s && now >= heard_ + silence_limit_)
    return fail(make_error(ErrorCode::daemon_unreachable,
                           "the daemon (pid " + std::to_string(client_.peer_pid()) + ") does not answer", {},
                           "end it with \"kill " + std::to_string(client_.peer_pid()) + "\" (\"kill -9\" if it does not end) and try again"));
  if (handlers_.on_tick && !prompt_open_) handlers_.on_tick();
  return {};
}

Result<void> Conversation::on_signal() {
  while (interrupts_.take()) {
    if (cancelled_) ::_exit(static_cast<int>(ExitCode::interrupted));
    cancelled_ = Clock::now();
    if (auto sent = client_.send(control::Cancel{.id = id_}); !sent) return fail(interrupted());
  }
  return {};
}

void Conversation::open_next_prompt() {
  prompt_open_ = false;
  if (prompts_.empty()) return;
  if (tty_ < 0) tty_ = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (tty_ < 0) {  // the terminal went away after we said that a person is there
    const auto number = control::get_integer(prompts_.front(), "prompt").value_or(0);
    prompts_.pop_front();
    (void)client_.send(control::Answer{.id = id_, .prompt = number, .text = "no"});
    return;
  }
  handlers_.before_prompt();
  // What was typed before the question is no answer to it.
  ::tcflush(tty_, TCIFLUSH);
  std::string text = prompt_text(prompts_.front());
  if (!text.ends_with(' ') && !text.ends_with('\n')) text += ' ';
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t count = ::write(tty_, rest.data(), rest.size());
    if (count <= 0) break;
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  prompt_open_ = true;
}

// A terminal gives whole lines. Ctrl-D alone says no, as it does to ssh.
Result<void> Conversation::on_typed() {
  std::array<char, 4096> buffer;
  const ssize_t count = ::read(tty_, buffer.data(), buffer.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return {};
  std::string text = count > 0 ? std::string(buffer.data(), static_cast<std::size_t>(count)) : "no";
  if (text.ends_with('\n'))
    text.pop_back();
  else
    write_err("\n");
  const auto number = control::get_integer(prompts_.front(), "prompt").value_or(0);
  prompts_.pop_front();
  open_next_prompt();
  return client_.send(control::Answer{.id = id_, .prompt = number, .text = text});
}

}  // namespace

Result<Json> converse(Client& client, const std::string& verb, Json args, const Handlers& handlers,
                      Interrupts& interrupts, std::chrono::milliseconds silence_limit) {
  return Conversation(client, handlers, interrupts, silence_limit).run(verb, std::move(args));
}

Result<std::vector<std::string>> names_up(Client& client, Interrupts& interrupts) {
  std::vector<std::string> names;
  Handlers handlers;
  handlers.on_item = [&](const Json& item) { names.push_back(control::get_string(item, "name")); };
  const auto result = converse(client, "ps", Json::object(), handlers, interrupts, kPromptReply);
  if (!result) return fail(result.error());
  return names;
}

bool person_is_there() {
  if (::isatty(STDIN_FILENO) == 0 && ::isatty(STDERR_FILENO) == 0) return false;
  const int fd = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

}  // namespace tunneld::cli

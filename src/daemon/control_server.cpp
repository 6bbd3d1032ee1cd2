#include "daemon/control_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "trust/private_dir.h"

namespace tunneld::daemon {
namespace {

constexpr std::size_t kMaxClients = 256;  // each `exec` that runs holds one
constexpr std::size_t kMaxRequests = 64;  // of one client, at the same time
constexpr std::uint64_t kFrameDeadlineMs = 5'000;
// For the first request, after the hello: below the time that another client waits for a place.
constexpr std::uint64_t kAskDeadlineMs = 2'000;
// Replies that a client has not read: past this it is not reading, and is dropped.
constexpr std::size_t kMaxUnread = 1024 * 1024;
constexpr std::uint64_t kPauseMs = 200;

}  // namespace

class ControlServer::Connection {
 public:
  Connection(ControlServer& server, UniqueFd fd, std::uint64_t number)
      : server_(server),
        fd_(std::move(fd)),
        number_(number),
        poller_(server.loop_, fd_.get(), [this](unsigned events) { on_ready(events); }),
        deadline_(server.loop_, [this] { server_.drop(*this); }) {
    write(control::encode(control::Hello{control::kProtocolVersion, TUNNELD_VERSION, ::getpid()}));
    deadline_.start(kFrameDeadlineMs);
    update_mask();
  }

  std::uint64_t number() const { return number_; }

  void close() {
    if (!fd_) return;
    flush();
    poller_.close();
    deadline_.stop();
    fd_.reset();
    for (auto& [id, running] : requests_)
      if (running.request) running.request->cancel();
    for (auto& [id, running] : requests_) server_.loop_.retire(std::move(running.request));
    requests_.clear();
  }

 private:
  struct ReplySender : Replies {
    ReplySender(Connection& owner, std::uint64_t request_id) : connection(owner), id(request_id) {}
    void send(control::Reply::Kind kind, control::Json body) override {
      connection.send(control::Reply{id, kind, std::move(body)});
    }
    Connection& connection;
    std::uint64_t id;
  };
  struct Running {
    std::unique_ptr<ReplySender> replies;
    std::unique_ptr<Request> request;
  };

  void on_ready(unsigned events) {
    if ((events & loop::Poller::kError) != 0) return server_.drop(*this);
    if ((events & loop::Poller::kWritable) != 0 && !flush()) return server_.drop(*this);
    if ((events & loop::Poller::kReadable) != 0 && !read()) return server_.drop(*this);
    update_mask();
  }

  bool read() {
    char buffer[16 * 1024];
    const ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    splitter_.feed({buffer, static_cast<std::size_t>(got)});
    while (const std::optional<std::string> frame = splitter_.next()) {
      if (!handle(*frame)) return false;
      if (!fd_) return true;
    }
    if (splitter_.too_long()) return false;
    if (!greeted_ || splitter_.unfinished())
      deadline_.start(kFrameDeadlineMs);
    else if (!asked_)
      deadline_.start(kAskDeadlineMs);
    else
      deadline_.stop();
    return true;
  }

  bool handle(const std::string& frame) {
    if (!greeted_) {
      const Result<control::Hello> hello = control::parse_hello(frame);
      if (!hello || hello->protocol != control::kProtocolVersion) return false;
      greeted_ = true;
      return true;
    }
    const Result<control::ClientMessage> message = control::parse_client_message(frame);
    if (!message) {
      server_.log_.warn("", "a control frame is not understood: " + message.error().message);
      return false;
    }
    if (const auto* request = std::get_if<control::Request>(&*message)) return begin(*request);
    if (const auto* answer = std::get_if<control::Answer>(&*message)) {
      if (const auto found = requests_.find(answer->id); found != requests_.end() && found->second.request)
        found->second.request->answer(answer->prompt, answer->text);
      return true;
    }
    const auto& cancel = std::get<control::Cancel>(*message);
    if (const auto found = requests_.find(cancel.id); found != requests_.end() && found->second.request) {
      found->second.request->cancel();
      send({cancel.id, control::Reply::Kind::error,
            control::to_json(Error{ErrorCode::interrupted, "interrupted", {}, "", ""})});
    }
    return true;
  }

  bool begin(const control::Request& request) {
    if (requests_.contains(request.id) || requests_.size() == kMaxRequests) return false;
    asked_ = true;
    Running& running = requests_[request.id];
    running.replies = std::make_unique<ReplySender>(*this, request.id);
    std::unique_ptr<Request> made = server_.dispatch_(request, number_, *running.replies);
    // It may have ended already, and its entry be gone.
    if (const auto found = requests_.find(request.id); found != requests_.end())
      found->second.request = std::move(made);
    else if (made)
      server_.loop_.retire(std::move(made));
    return true;
  }

  void send(const control::Reply& reply) {
    const auto found = requests_.find(reply.id);
    if (found == requests_.end() || !fd_) return;
    write(control::encode(reply));
    if (reply.is_last()) {
      server_.loop_.retire(std::move(found->second.request));
      server_.loop_.retire(std::move(found->second.replies));
      requests_.erase(found);
    }
    update_mask();
  }

  void write(const std::string& frame) {
    unread_ += frame;
    // From the loop: whoever sends may be in the middle of a request of this client.
    if (flush()) return;
    server_.loop_.defer([self = server_.self_, number = number_] {
      if (*self != nullptr) (*self)->drop(number);
    });
  }

  // False when the client is gone, or has let too much pile up.
  bool flush() {
    while (!unread_.empty()) {
      const ssize_t sent = ::send(fd_.get(), unread_.data(), unread_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0) return (errno == EAGAIN || errno == EINTR) && unread_.size() <= kMaxUnread;
      unread_.erase(0, static_cast<std::size_t>(sent));
    }
    return true;
  }

  void update_mask() {
    if (fd_) poller_.watch(loop::Poller::kReadable | (unread_.empty() ? 0 : loop::Poller::kWritable));
  }

  ControlServer& server_;
  UniqueFd fd_;
  std::uint64_t number_;
  loop::Poller poller_;
  loop::Timer deadline_;
  control::FrameSplitter splitter_;
  std::string unread_;
  bool greeted_ = false;
  bool asked_ = false;  // one that never does holds a place that another may need
  std::map<std::uint64_t, Running> requests_;
};

ControlServer::ControlServer(loop::Loop& loop, Log& log, UniqueFd listener, Dispatch dispatch,
                             std::function<void(std::uint64_t)> on_gone)
    : loop_(loop),
      log_(log),
      listener_(std::move(listener)),
      dispatch_(std::move(dispatch)),
      on_gone_(std::move(on_gone)),
      poller_(loop, listener_.get(), [this](unsigned) { accept(); }),
      resume_(loop, [this] { poller_.watch(loop::Poller::kReadable); }),
      self_(std::make_shared<ControlServer*>(this)) {
  poller_.watch(loop::Poller::kReadable);
}

ControlServer::~ControlServer() {
  close();
  *self_ = nullptr;
}

void ControlServer::accept() {
  // Without a place, or a descriptor, for it the client stays in the backlog, and would be reported again at once.
  const auto pause = [this] {
    poller_.watch(0);
    resume_.start(kPauseMs);
  };
  if (connections_.size() >= kMaxClients) return pause();
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause();
    return;
  }
  const std::optional<uid_t> uid = trust::peer_uid(fd.get());
  if (!uid || *uid != ::getuid()) return log_.warn("", "another user's process connected to the control socket");
  const std::uint64_t number = ++last_client_;
  connections_.emplace(number, std::make_unique<Connection>(*this, std::move(fd), number));
}

void ControlServer::drop(Connection& connection) {
  const auto found = connections_.find(connection.number());
  if (found == connections_.end()) return;
  std::unique_ptr<Connection> dropped = std::move(found->second);
  connections_.erase(found);
  dropped->close();
  on_gone_(dropped->number());
  loop_.retire(std::move(dropped));
}

void ControlServer::drop(std::uint64_t number) {
  if (const auto found = connections_.find(number); found != connections_.end()) drop(*found->second);
}

void ControlServer::close() {
  poller_.close();
  resume_.stop();
  listener_.reset();
  while (!connections_.empty()) drop(*connections_.begin()->second);
}

}  // namespace tunneld::daemon

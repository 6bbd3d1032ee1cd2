#include "forward/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "forward/listen_socket.h"
#include "loop/resolver.h"

namespace tunneld::forward {
namespace {

constexpr int kAcceptsPerTurn = 64;
// Of the descriptors that the process may have these are not for clients: commands, log-ins and the files that they read
// must find some. A quarter at most.
constexpr rlim_t kReservedDescriptors = 24;
// When no descriptor is left, the backlog waits this long for one to be closed; clients see a delay, not a refusal.
constexpr std::uint64_t kShortagePauseMs = 200;

// The kernel gives out the lowest number that is free.
bool is_reserved(int fd) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return false;
  return static_cast<rlim_t>(fd) >= files.rlim_cur - std::min(kReservedDescriptors, files.rlim_cur / 4);
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(loop::Loop& loop, const Endpoint& endpoint, OnAccept on_accept,
                                                 OnShortage on_shortage) {
  Endpoint bound = endpoint;
  Result<std::vector<UniqueFd>> sockets = listen_on(bound);
  if (!sockets) return fail(sockets.error());
  std::unique_ptr<Listener> listener(new Listener(loop, bound, std::move(on_accept), std::move(on_shortage)));
  for (UniqueFd& fd : *sockets) listener->add(std::move(fd));
  return listener;
}

Listener::Listener(loop::Loop& loop, Endpoint endpoint, OnAccept on_accept, OnShortage on_shortage)
    : endpoint_(std::move(endpoint)),
      on_accept_(std::move(on_accept)),
      on_shortage_(std::move(on_shortage)),
      loop_(loop),
      resume_(loop, [this] { resume(); }) {
  struct stat status {};
  if (endpoint_.kind == Endpoint::Kind::unix_socket && ::lstat(endpoint_.path.c_str(), &status) == 0)
    file_ = {status.st_dev, status.st_ino};
}

Listener::~Listener() {
  for (Socket& socket : sockets_) socket.poller->close();
  // What somebody has put in its place meanwhile is not ours to remove.
  if (struct stat status {}; endpoint_.kind == Endpoint::Kind::unix_socket && ::lstat(endpoint_.path.c_str(), &status) == 0 &&
                             status.st_dev == file_.device && status.st_ino == file_.inode)
    ::unlink(endpoint_.path.c_str());
}

void Listener::add(UniqueFd fd) {
  const int raw = fd.get();
  auto poller = std::make_unique<loop::Poller>(loop_, raw, [this, raw](unsigned) { accept_from(raw); });
  poller->watch(loop::Poller::kReadable);
  sockets_.push_back({std::move(fd), std::move(poller)});
}

void Listener::watch(bool on) {
  for (Socket& socket : sockets_) socket.poller->watch(on ? loop::Poller::kReadable : 0);
}

void Listener::pause() {
  watch(false);
  resume_.start(kShortagePauseMs);
  if (!std::exchange(short_, true)) on_shortage_();
}

void Listener::resume() {
  const UniqueFd next(::fcntl(sockets_.front().fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!next || is_reserved(next.get())) return pause();
  short_ = false;
  watch(true);
}

void Listener::accept_from(int fd) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    loop::SocketAddress peer;
    peer.length = sizeof peer.storage;
    UniqueFd client(::accept4(fd, reinterpret_cast<sockaddr*>(&peer.storage), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!client) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause();
      return;
    }
    const bool last = is_reserved(client.get());
    Accepted accepted{std::move(client), "unix", 0};
    if (endpoint_.kind == Endpoint::Kind::tcp) {
      const int on = 1;
      ::setsockopt(accepted.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      accepted.peer_host = loop::host_of(peer);
      accepted.peer_port = loop::port_of(peer);
    }
    on_accept_(std::move(accepted));
    if (last) return pause();
  }
}

}  // namespace tunneld::forward

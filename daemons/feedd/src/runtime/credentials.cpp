#include "runtime/credentials.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace hft::feedd {
namespace {

constexpr const char* NAME = "venue.password";
constexpr std::size_t PASSWORD_BYTES_MAX = 10;
constexpr std::size_t FILE_BYTES_MAX = PASSWORD_BYTES_MAX + 1;  // and a newline

[[noreturn]] void refuse(const std::string& file, const std::string& problem) {
  throw CredentialError(file + ": " + problem + " (feedd.gateway.venue is set, so a password is needed)");
}

std::string path_of_credential() {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || *directory == '\0') {
    refuse(std::string("$CREDENTIALS_DIRECTORY/") + NAME, "CREDENTIALS_DIRECTORY is not set");
  }
  return std::string(directory) + "/" + NAME;
}

// One byte more than can be good.
std::string read_beginning(const std::string& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) refuse(file, std::strerror(errno));
  std::array<char, FILE_BYTES_MAX + 1> buffer;
  std::size_t filled = 0;
  ssize_t got = 1;
  while (got > 0 && filled < buffer.size()) {
    got = ::read(descriptor, buffer.data() + filled, buffer.size() - filled);
    if (got > 0) filled += static_cast<std::size_t>(got);
  }
  const int problem = errno;
  ::close(descriptor);
  if (got < 0) refuse(file, std::strerror(problem));
  return {buffer.data(), filled};
}

}  // namespace

std::string read_venue_password() {
  const std::string file = path_of_credential();
  std::string password = read_beginning(file);
  if (password.ends_with('\n')) password.pop_back();
  if (password.empty()) refuse(file, "it is empty");
  if (password.size() > PASSWORD_BYTES_MAX) refuse(file, "longer than 10 characters");
  const auto printable = [](char c) { return c > ' ' && c <= '~'; };
  if (!std::all_of(password.begin(), password.end(), printable)) {
    refuse(file, "not printable ASCII without spaces");
  }
  return password;
}

}  // namespace hft::feedd

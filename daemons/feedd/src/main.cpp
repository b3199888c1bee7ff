// feedd: owns the feed and the order gateway. USAGE below is its command line and its exit codes.
#include <getopt.h>
#include <pthread.h>

#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "hft/schema/layout_hash.hpp"
#include "runtime/credentials.hpp"
#include "runtime/daemon.hpp"

namespace hft::feedd {
namespace {

enum ExitCode : int {
  EXIT_CLEAN = 0,
  EXIT_BAD_USAGE = 2,
  EXIT_SYSTEM = 71,           // EX_OSERR
  EXIT_ALREADY_RUNNING = 75,  // EX_TEMPFAIL
  EXIT_BAD_CONFIG = 78,       // EX_CONFIG
};

constexpr const char* USAGE =
    "usage: feedd --config FILE [--check-config]\n"
    "       feedd --version\n"
    "  --config FILE    the suite's configuration (deploy/hft.toml documents it)\n"
    "  --check-config   check feedd's part of the file and end\n"
    "  --version        print version and memory layout and end\n"
    "  SIGTERM, SIGINT  answer what is there, retire the regions, end\n"
    "exit codes: 0 clean, 2 usage, 71 the system refused (memory, socket, region), 75 another feedd runs in this\n"
    "            directory, 78 configuration (the message names the key, or the\n"
    "            credential's file)\n";

struct CommandLine {
  std::string config;
  bool check_config = false;
  bool version = false;
  bool help = false;
  bool bad = false;
};

CommandLine parse(int argc, char** argv) {
  const option options[] = {{"config", required_argument, nullptr, 'c'},
                            {"check-config", no_argument, nullptr, 'k'},
                            {"version", no_argument, nullptr, 'v'},
                            {"help", no_argument, nullptr, 'h'},
                            {nullptr, 0, nullptr, 0}};
  CommandLine line;
  for (int choice = 0; (choice = ::getopt_long(argc, argv, "", options, nullptr)) != -1;) {
    if (choice == 'c') line.config = optarg;
    line.check_config |= choice == 'k';
    line.version |= choice == 'v';
    line.help |= choice == 'h';
    line.bad |= choice == '?';
  }
  line.bad |= ::optind != argc || (line.config.empty() && !line.version && !line.help);
  return line;
}

int refuse(ExitCode code, const std::exception& error) {
  std::fprintf(stderr, "feedd: %s\n", error.what());
  return code;
}

int run(const Config& config) {
  // Blocked before any thread exists, so that all inherit it and only the wait below takes them.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  try {
    Daemon daemon(config);
    daemon.start();
    int signal = 0;
    sigwait(&ends, &signal);
    return EXIT_CLEAN;
  } catch (const AlreadyRunning& error) {
    return refuse(EXIT_ALREADY_RUNNING, error);
  } catch (const CoreError& error) {
    return refuse(EXIT_BAD_CONFIG, error);
  } catch (const ConfigError& error) {
    return refuse(EXIT_BAD_CONFIG, error);
  } catch (const CredentialError& error) {
    return refuse(EXIT_BAD_CONFIG, error);
  } catch (const std::bad_alloc&) {
    std::fputs("feedd: out of memory: lower feedd.capacity.orders or feedd.capacity.levels\n", stderr);
    return EXIT_SYSTEM;
  } catch (const std::exception& error) {
    return refuse(EXIT_SYSTEM, error);
  }
}

}  // namespace
}  // namespace hft::feedd

int main(int argc, char** argv) {
  using namespace hft::feedd;
  const CommandLine line = parse(argc, argv);
  if (line.bad || line.help) {
    std::fputs(USAGE, line.bad ? stderr : stdout);
    return line.bad ? EXIT_BAD_USAGE : EXIT_CLEAN;
  }
  if (line.version) {
    std::printf("feedd %s (layout 0x%016" PRIx64 ")\n", HFT_VERSION, hft::LAYOUT_HASH);
    return EXIT_CLEAN;
  }
  try {
    const Config config = load_config(line.config);
    return line.check_config ? static_cast<int>(EXIT_CLEAN) : run(config);
  } catch (const ConfigError& error) {
    std::fprintf(stderr, "feedd: %s: %s\n", line.config.c_str(), error.what());
    return EXIT_BAD_CONFIG;
  }
}

// Pronghorn's worker of the comparison with other frameworks; bench/peers/compare starts it.
//
//   build/release/bench/bench_peer_worker THREADS
//
// Reads commands from standard input (peer_worker.h) and answers each with a line; "error MESSAGE"
// for what it can't do.

#include <cstdlib>
#include <iostream>

#include "peer_worker.h"
#include "pronghorn/error.h"

int main(int argc, char** argv) {
  pronghorn::bench::PeerWorker worker(argc > 1 ? std::atoi(argv[1]) : 1);
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    std::string answer;
    try {
      answer = worker.answer(line);
    } catch (const pronghorn::Error& error) {
      answer = std::string("error ") + error.what();
    }
    std::cout << answer << std::endl;
  }
  return 0;
}

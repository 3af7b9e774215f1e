// uWebSockets: one App and one listener per thread; the port is shared.
// Compiled by benches/load against the sources that Cargo.toml pins.

#include "App.h"
#include "options.h"

#include <cstdlib>
#include <iostream>
#include <thread>
#include <vector>

static void serve(const Options &options) {
    uWS::App()
        .get("/*", [](auto *response, auto *) {
            // Date and Content-Length are the library's.
            response->writeHeader("Content-Type", "text/plain")
                ->writeHeader("Server", "uWS")
                ->end("Hello, World!");
        })
        .listen(options.address, options.port, [](auto *socket) {
            if (!socket) {
                std::cerr << "cannot listen\n";
                std::exit(1);
            }
        })
        .run();
}

int main(int count, char **arguments) {
    Options options = options_from_command_line(count, arguments);
    std::vector<std::thread> threads;
    for (int i = 1; i < options.threads; i++) {
        threads.emplace_back(serve, options);
    }
    serve(options);
}

// uWebSockets: one App and one listener per thread; the port is shared.
// Compiled by benches/load against the sources that Cargo.toml pins.

#include "App.h"

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

struct Options {
    std::string address = "127.0.0.1";
    int port = 8080;
    int threads = 1;
};

[[noreturn]] static void refuse() {
    std::cerr << "usage: peer-uwebsockets --listen ADDRESS:PORT [--threads N]\n";
    std::exit(2);
}

static Options options_from_command_line(int count, char **arguments) {
    Options options;
    if (count % 2 == 0) {
        refuse();
    }
    for (int i = 1; i < count; i += 2) {
        std::string flag = arguments[i];
        std::string value = arguments[i + 1];
        if (flag == "--listen") {
            size_t colon = value.rfind(':');
            if (colon == std::string::npos) {
                refuse();
            }
            options.address = value.substr(0, colon);
            options.port = std::atoi(value.c_str() + colon + 1);
        } else if (flag == "--threads") {
            options.threads = std::atoi(value.c_str());
        } else {
            refuse();
        }
    }
    if (options.port <= 0 || options.threads <= 0) {
        refuse();
    }
    return options;
}

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

// The command line of the peers in C++.

#pragma once

#include <cstdlib>
#include <iostream>
#include <string>

struct Options {
    std::string address = "127.0.0.1";
    int port = 8080;
    int threads = 1;
};

[[noreturn]] inline void refuse() {
    std::cerr << "usage: PROGRAM --listen ADDRESS:PORT [--threads N]\n";
    std::exit(2);
}

inline Options options_from_command_line(int count, char **arguments) {
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

// uWebSockets: one App and one listener per thread; the port is shared.
// Compiled by benches/load against the sources that Cargo.toml pins.

#include "App.h"
#include "options.h"

#include <iostream>
#include <thread>
#include <vector>

// Nothing is kept for a connection beyond what the library keeps.
struct Nothing {};

using Socket = uWS::WebSocket<false, true, Nothing>;

static uWS::App::WebSocketBehavior<Nothing> behavior() {
    uWS::App::WebSocketBehavior<Nothing> behavior;
    behavior.compression = uWS::DISABLED;
    behavior.maxPayloadLength = 16 * 1024 * 1024;
    // Neither a timer nor a ping; no message is dropped for a slow receiver.
    behavior.idleTimeout = 0;
    behavior.sendPingsAutomatically = false;
    behavior.maxBackpressure = 1024 * 1024 * 1024;
    return behavior;
}

static void serve(const Options &options) {
    auto echo = behavior();
    // The library corks a socket while its messages are handled: the answers to
    // one read are one write.
    echo.message = [](Socket *socket, std::string_view message, uWS::OpCode opcode) {
        socket->send(message, opcode, false);
    };
    auto chat = behavior();
    chat.open = [](Socket *socket) { socket->subscribe("chat"); };
    // By way of the socket and not the App: not to the sender.
    chat.message = [](Socket *socket, std::string_view message, uWS::OpCode opcode) {
        socket->publish("chat", message, opcode, false);
    };
    uWS::App()
        .ws<Nothing>("/chat", std::move(chat))
        .ws<Nothing>("/*", std::move(echo))
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

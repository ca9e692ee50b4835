// SPDX-License-Identifier: Apache-2.0
// WebSockets with the ws library: echoes what comes, as it came.
//   /close?code=N&reason=R   closes with these after the first message
//   /count                   how many sockets are open (plain HTTP)
//   /pid                     (plain HTTP)
const http = require("http");
const { WebSocketServer } = require("ws");

const sockets = new WebSocketServer({
    noServer: true, maxPayload: 64 << 20, skipUTF8Validation: false });
const server = http.createServer((request, response) => {
    response.end(request.url === "/count" ? String(sockets.clients.size)
                                          : String(process.pid));
});
server.on("upgrade", (request, socket, head) => {
    const url = new URL(request.url, "http://x");
    sockets.handleUpgrade(request, socket, head, (ws) => {
        ws.on("error", () => {});
        ws.on("message", (data, isBinary) => {
            if (url.pathname === "/close") {
                ws.close(Number(url.searchParams.get("code")),
                         url.searchParams.get("reason") || "");
            } else {
                ws.send(data, { binary: isBinary });
            }
        });
    });
});
server.keepAliveTimeout = 0;
server.listen(process.env.LISTEN_FDS ? { fd: 3 } : 3000);

// Preloaded into a gateway for Node that cannot be told an address: every address that it listens on becomes 127.0.0.1.
const net = require("net");
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...args) {
  if (args[0] && typeof args[0] === "object" && args[0].port !== undefined) {
    args[0].host = "127.0.0.1";
  } else if (/^\d+$/.test(args[0])) {
    args.splice(1, typeof args[1] === "string" ? 1 : 0, "127.0.0.1");
  }
  return listen.apply(this, args);
};

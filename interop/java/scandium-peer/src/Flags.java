import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The command line that all foreign peers have, as far as Scandium has use for it. */
final class Flags {
    private static final Set<String> KNOWN = Set.of("--host", "--port", "--version", "--cert", "--key", "--ca", "--name",
            "--suites", "--groups", "--mtu", "--psk", "--cookie", "--cid");

    final boolean server;
    private final Map<String, String> given = new HashMap<>();

    private Flags(boolean server) {
        this.server = server;
    }

    static Flags parse(String[] args) {
        if (args.length == 0 || !List.of("client", "server").contains(args[0])) {
            throw new IllegalArgumentException("the first argument is client or server");
        }
        Flags flags = new Flags(args[0].equals("server"));
        for (int at = 1; at < args.length; at += 2) {
            if (!KNOWN.contains(args[at]) || at + 1 == args.length) {
                throw new IllegalArgumentException("Scandium has no use for " + args[at]);
            }
            flags.given.put(args[at], args[at + 1]);
        }
        if ("1.3".equals(flags.get("--version"))) {
            throw new IllegalArgumentException("Scandium has no DTLS 1.3");
        }
        return flags;
    }

    /** Null when it was not given. */
    String get(String flag) {
        return given.get(flag);
    }

    List<String> list(String flag) {
        String value = get(flag);
        return value == null ? List.of() : List.of(value.split(","));
    }

    InetSocketAddress address() throws UnknownHostException {
        String host = given.getOrDefault("--host", "127.0.0.1");
        return new InetSocketAddress(InetAddress.getByName(host), Integer.parseInt(given.getOrDefault("--port", "0")));
    }
}

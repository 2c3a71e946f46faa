import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Locale;
import org.eclipse.californium.elements.AddressEndpointContext;
import org.eclipse.californium.elements.EndpointContext;
import org.eclipse.californium.elements.RawData;
import org.eclipse.californium.scandium.DTLSConnector;
import org.eclipse.californium.scandium.config.DtlsConnectorConfig;
import org.eclipse.californium.scandium.dtls.AlertMessage;
import org.eclipse.californium.scandium.dtls.ConnectionId;
import org.eclipse.californium.scandium.dtls.DTLSContext;
import org.eclipse.californium.scandium.dtls.DTLSSession;
import org.eclipse.californium.scandium.dtls.HandshakeException;
import org.eclipse.californium.scandium.dtls.Handshaker;
import org.eclipse.californium.scandium.dtls.SessionAdapter;

/** Eclipse Californium's Scandium as a peer: flags, commands and output as in ../../native/peer-kit/src/lib.rs. */
public final class ScandiumPeer extends SessionAdapter {
    private static final String EXPORTER_LABEL = "EXPORTER-interop";
    private static final int EXPORTER_LENGTH = 32;
    /** Time for the last datagrams to leave, ms. */
    private static final int LINGER = 200;

    private final Flags flags;
    private final DTLSConnector connector;
    /** The other side; a server learns of it when it comes, and from each message where it is then. */
    private volatile EndpointContext peer;
    private volatile DTLSContext context;

    private ScandiumPeer(Flags flags, DtlsConnectorConfig.Builder builder) throws IOException {
        this.flags = flags;
        connector = new DTLSConnector(builder.setSessionListener(this).build());
        connector.setRawDataReceiver(this::receive);
        connector.setAlertHandler((address, alert) -> onAlert(alert));
    }

    public static void main(String[] args) throws Exception {
        if (args.length == 1 && args[0].equals("version")) {
            System.out.println("Scandium " + System.getProperty("scandium.version"));
            return;
        }
        try {
            Flags flags = Flags.parse(args);
            new ScandiumPeer(flags, Settings.of(flags)).run();
        } catch (IllegalArgumentException | IllegalStateException refused) {
            report("error", refused.getMessage());
            System.exit(2);
        }
    }

    private void run() throws IOException {
        connector.start();
        if (flags.server) {
            report("port", Integer.toString(connector.getAddress().getPort()));
        } else {
            peer = new AddressEndpointContext(flags.address(), flags.get("--name"), null);
            // Scandium begins a handshake when there is something to send: here an empty message.
            send(new byte[0]);
        }
        obey();
    }

    private void obey() throws IOException {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null && !line.equals("/close"); line = input.readLine()) {
            send((line + "\n").getBytes(StandardCharsets.UTF_8));
        }
        if (peer != null) {
            connector.close(peer.getPeerAddress());
            report("alert-sent", "close_notify");
        }
        end("closed", "yes", 0);
    }

    private void send(byte[] message) {
        connector.send(RawData.outbound(message, peer, null, false));
    }

    private void receive(RawData message) {
        System.out.print(new String(message.getBytes(), StandardCharsets.UTF_8));
        System.out.flush();
        if (flags.server) {
            peer = new AddressEndpointContext(message.getInetSocketAddress());
            connector.send(RawData.outbound(message.getBytes(), message.getEndpointContext(), null, false));
        }
    }

    @Override
    public void contextEstablished(Handshaker handshaker, DTLSContext established) {
        context = established;
    }

    @Override
    public void handshakeCompleted(Handshaker handshaker) {
        if (flags.server) {
            peer = new AddressEndpointContext(handshaker.getPeerAddress());
        }
        describe(context.getSession());
        report("established", "yes");
    }

    private void describe(DTLSSession session) {
        report("version", "DTLSv1.2");
        report("suite", Settings.nameOf(session.getCipherSuite()));
        if (session.getCipherSuite().isEccBased()) {
            report("group", Settings.nameOf(session.getEcGroup()));
        }
        if (flags.server && session.getPeerIdentity() != null) {
            report("client-verified", "yes");
        }
        if (flags.get("--cid") != null) {
            report("cid-own", textOf(context.getReadConnectionId()));
            report("cid-other", textOf(context.getWriteConnectionId()));
        }
        reportExporter();
    }

    private static String textOf(ConnectionId id) {
        return id == null ? "" : HexFormat.of().formatHex(id.getBytes());
    }

    /** Scandium's client forgets the secret of a session that it cannot resume, and fails then. */
    private void reportExporter() {
        byte[] label = EXPORTER_LABEL.getBytes(StandardCharsets.US_ASCII);
        try {
            report("exporter", HexFormat.of().formatHex(context.exportKeyMaterial(label, null, EXPORTER_LENGTH)));
        } catch (IllegalArgumentException | IllegalStateException forgotten) {
            report("exporter-missing", forgotten.getMessage());
        }
    }

    @Override
    public void handshakeFailed(Handshaker handshaker, Throwable cause) {
        if (cause instanceof HandshakeException) {
            report("alert-sent", nameOf(((HandshakeException) cause).getAlert()));
        }
        end("error", cause.toString(), 1);
    }

    private void onAlert(AlertMessage alert) {
        report("alert-received", nameOf(alert));
        // It answers close_notify after this call.
        end("closed", "yes", 0);
    }

    private static void end(String key, String value, int status) {
        report(key, value);
        new Thread(() -> {
            try {
                Thread.sleep(LINGER);
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
            Runtime.getRuntime().halt(status);
        }).start();
    }

    private static String nameOf(AlertMessage alert) {
        return alert.getDescription().name().toLowerCase(Locale.ROOT);
    }

    private static void report(String key, String value) {
        System.err.println(key + "=" + value.replace('\n', ' '));
    }
}

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.eclipse.californium.elements.config.CertificateAuthenticationMode;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.elements.util.SslContextUtil;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.californium.scandium.config.DtlsConnectorConfig;
import org.eclipse.californium.scandium.dtls.CertificateType;
import org.eclipse.californium.scandium.dtls.SingleNodeConnectionIdGenerator;
import org.eclipse.californium.scandium.dtls.cipher.CipherSuite;
import org.eclipse.californium.scandium.dtls.cipher.XECDHECryptography.SupportedGroup;
import org.eclipse.californium.scandium.dtls.pskstore.AdvancedSinglePskStore;
import org.eclipse.californium.scandium.dtls.x509.SingleCertificateProvider;
import org.eclipse.californium.scandium.dtls.x509.StaticNewAdvancedCertificateVerifier;

/** Flags as Scandium's configuration. */
final class Settings {
    private Settings() {
    }

    static DtlsConnectorConfig.Builder of(Flags flags) throws IOException, GeneralSecurityException {
        DtlsConnectorConfig.Builder builder = DtlsConnectorConfig.builder(new Configuration());
        builder.set(DtlsConfig.DTLS_ROLE, flags.server ? DtlsConfig.DtlsRole.SERVER_ONLY : DtlsConfig.DtlsRole.CLIENT_ONLY);
        builder.set(DtlsConfig.DTLS_SUPPORT_KEY_MATERIAL_EXPORT, true);
        builder.set(DtlsConfig.DTLS_RETRANSMISSION_TIMEOUT, 1, TimeUnit.SECONDS);
        // On a lossy path a timer that doubles up to a minute is soon longer than the test waits.
        builder.set(DtlsConfig.DTLS_MAX_RETRANSMISSION_TIMEOUT, 4, TimeUnit.SECONDS);
        builder.set(DtlsConfig.DTLS_MAX_RETRANSMISSIONS, 20);
        builder.set(DtlsConfig.DTLS_RECOMMENDED_CIPHER_SUITES_ONLY, false);
        if (flags.server) {
            builder.setAddress(flags.address());
            builder.set(DtlsConfig.DTLS_CLIENT_AUTHENTICATION_MODE,
                    flags.get("--ca") == null ? CertificateAuthenticationMode.NONE : CertificateAuthenticationMode.NEEDED);
        }
        if (!flags.list("--suites").isEmpty()) {
            builder.set(DtlsConfig.DTLS_CIPHER_SUITES, flags.list("--suites").stream().map(Settings::suite).toList());
        }
        if (!flags.list("--groups").isEmpty()) {
            builder.set(DtlsConfig.DTLS_CURVES, flags.list("--groups").stream().map(Settings::group).toList());
        }
        if (flags.get("--mtu") != null) {
            builder.set(DtlsConfig.DTLS_MAX_TRANSMISSION_UNIT, Integer.parseInt(flags.get("--mtu")));
        }
        if (flags.get("--cid") != null) {
            builder.setConnectionIdGenerator(new SingleNodeConnectionIdGenerator(Integer.parseInt(flags.get("--cid"))));
        }
        setCredentials(builder, flags);
        return builder;
    }

    /** Scandium wants none that its suites have no use for. */
    private static void setCredentials(DtlsConnectorConfig.Builder builder, Flags flags)
            throws IOException, GeneralSecurityException {
        String psk = flags.get("--psk");
        if (psk != null) {
            int colon = psk.lastIndexOf(':');
            byte[] key = HexFormat.of().parseHex(psk.substring(colon + 1));
            builder.setAdvancedPskStore(new AdvancedSinglePskStore(psk.substring(0, colon), key));
            return;
        }
        if (flags.get("--cert") != null) {
            PrivateKey key = pem(flags.get("--key")).getPrivateKey();
            X509Certificate[] chain = pem(flags.get("--cert")).getCertificateChain();
            builder.setCertificateIdentityProvider(new SingleCertificateProvider(key, chain, List.of(CertificateType.X_509)));
        }
        if (flags.get("--ca") != null) {
            builder.setAdvancedCertificateVerifier(StaticNewAdvancedCertificateVerifier.builder()
                    .setTrustedCertificates(pem(flags.get("--ca")).getCertificateChain()).build());
        }
    }

    private static SslContextUtil.Credentials pem(String file) throws IOException, GeneralSecurityException {
        try (InputStream text = new FileInputStream(file)) {
            return SslContextUtil.loadPemCredentials(text);
        }
    }

    /** Two of Scandium's names end in SHA378 instead of SHA384. */
    private static CipherSuite suite(String name) {
        CipherSuite suite = CipherSuite.getTypeByName(name.contains("PSK") ? name.replace("SHA384", "SHA378") : name);
        if (suite == null) {
            throw new IllegalArgumentException("Scandium has no " + name);
        }
        return suite;
    }

    static String nameOf(CipherSuite suite) {
        return suite.name().replace("SHA378", "SHA384");
    }

    private static SupportedGroup group(String name) {
        return SupportedGroup.valueOf(name.replace("x25519", "X25519"));
    }

    static String nameOf(SupportedGroup group) {
        return group.name().replace("X25519", "x25519");
    }
}

// A TLS client of javax.net.ssl. Each line of standard input is a question, tab-separated; each is answered by a
// line: id, ok or failed, version, cipher suite, ALPN, common name of the server, resumed, what went wrong.
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import java.util.Scanner;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

public class TlsClient {
    static String version = "", suite = "", protocol = "", name = "";
    static boolean resumed = false;

    public static void main(String[] arguments) {
        // Old versions are switched off here, as 1.0 and 1.1 are what one question asks about.
        Security.setProperty("jdk.tls.disabledAlgorithms", "SSLv3, NULL, anon");
        try (Scanner lines = new Scanner(System.in)) {
            while (lines.hasNextLine()) answer(lines.nextLine().split("\t", -1));
        }
    }

    static void answer(String[] field) {
        String outcome = "ok", reason = "";
        version = suite = protocol = name = "";
        resumed = false;
        try {
            SSLContext context = context(field[9], field[8]);
            long first = ask(context, field);
            if (field[11].equals("twice")) {
                Thread.sleep(20);
                resumed = ask(context, field) == first;
            }
        } catch (Exception error) {
            outcome = "failed";
            reason = String.valueOf(error.getMessage()).replace('\n', ' ');
        }
        System.out.println(String.join("\t", field[0], outcome, version.replace("TLSv", "").replaceFirst("^1$", "1.0"),
            suite, protocol, name, String.valueOf(resumed), reason));
    }

    static SSLContext context(String roots, String identity) throws Exception {
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        for (Certificate root : certificates(Files.readString(Path.of(roots))))
            trusted.setCertificateEntry("root " + trusted.size(), root);
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        KeyManager[] keys = null;
        if (!identity.isEmpty()) {
            String pem = Files.readString(Path.of(identity));
            KeyStore own = KeyStore.getInstance(KeyStore.getDefaultType());
            own.load(null, null);
            List<? extends Certificate> chain = certificates(pem);
            own.setKeyEntry("own", key(pem), new char[0], chain.toArray(new Certificate[0]));
            KeyManagerFactory factory = KeyManagerFactory.getInstance("SunX509");
            factory.init(own, new char[0]);
            keys = factory.getKeyManagers();
        }
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys, trust.getTrustManagers(), null);
        return context;
    }

    static List<? extends Certificate> certificates(String pem) throws Exception {
        String only = pem.substring(0, pem.lastIndexOf("-----END CERTIFICATE-----") + 26);
        return List.copyOf(CertificateFactory.getInstance("X.509")
            .generateCertificates(new ByteArrayInputStream(only.getBytes(StandardCharsets.US_ASCII))));
    }

    static PrivateKey key(String pem) throws Exception {
        int from = pem.indexOf("-----BEGIN PRIVATE KEY-----") + 27;
        String text = pem.substring(from, pem.indexOf("-----END PRIVATE KEY"));
        PKCS8EncodedKeySpec encoded = new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(text));
        try {
            return KeyFactory.getInstance("EC").generatePrivate(encoded);
        } catch (java.security.spec.InvalidKeySpecException notElliptic) {
            return KeyFactory.getInstance("RSA").generatePrivate(encoded);
        }
    }

    /** One request on a connection of its own; when its session was made: resumed ones keep that of the first. */
    static long ask(SSLContext context, String[] field) throws Exception {
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1",
                Integer.parseInt(field[1]))) {
            socket.setSoTimeout(10_000);
            var parameters = socket.getSSLParameters();
            if (!field[2].isEmpty()) parameters.setServerNames(List.of(new SNIHostName(field[2])));
            if (!field[3].isEmpty())
                parameters.setProtocols(new String[] {field[3].equals("1.0") ? "TLSv1" : "TLSv" + field[3]});
            if (!field[4].isEmpty()) parameters.setCipherSuites(new String[] {field[4]});
            if (!field[7].isEmpty()) parameters.setApplicationProtocols(field[7].split(","));
            socket.setSSLParameters(parameters);
            socket.startHandshake();
            SSLSession session = socket.getSession();
            version = session.getProtocol();
            suite = session.getCipherSuite();
            protocol = socket.getApplicationProtocol();
            X509Certificate peer = (X509Certificate) session.getPeerCertificates()[0];
            name = peer.getSubjectX500Principal().getName().replaceAll(".*CN=([^,]*).*", "$1");
            if (!field[2].isEmpty() && !field[10].equals("any")) checkName(peer, field[2]);
            if (protocol.equals("h2")) askHttp2(socket); else askHttp1(socket);
            return session.getCreationTime();
        }
    }

    /** The address is dialled, so the name has to be compared here. */
    static void checkName(X509Certificate peer, String host) throws Exception {
        for (List<?> one : peer.getSubjectAlternativeNames()) {
            String pattern = String.valueOf(one.get(1));
            if (pattern.equals(host)) return;
            if (pattern.startsWith("*.") && host.substring(host.indexOf('.')).equals(pattern.substring(1))) return;
        }
        throw new IOException("the certificate is not for " + host);
    }

    static void askHttp1(SSLSocket socket) throws IOException {
        socket.getOutputStream().write("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".getBytes());
        String text = new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
        if (!text.startsWith("HTTP/1.1 200 ")) throw new IOException("answered " + text.lines().findFirst().orElse(""));
    }

    /** Preface, SETTINGS and a request in static indices; the answer's head begins with that of 200. */
    static void askHttp2(SSLSocket socket) throws IOException {
        var out = socket.getOutputStream();
        out.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes());
        out.write(new byte[] {0, 0, 0, 4, 0, 0, 0, 0, 0});
        out.write(new byte[] {0, 0, 6, 1, 5, 0, 0, 0, 1, (byte) 0x82, (byte) 0x87, (byte) 0x84, 1, 1, 'x'});
        out.flush();
        var in = new DataInputStream(socket.getInputStream());
        for (;;) {
            int length = in.readUnsignedByte() << 16 | in.readUnsignedShort();
            int type = in.readUnsignedByte();
            in.skipBytes(5);
            byte[] payload = in.readNBytes(length);
            if (type != 1) continue;
            if (payload[0] != (byte) 0x88) throw new IOException("not status 200");
            return;
        }
    }
}

// SPDX-License-Identifier: BSD-2-Clause
// Apache commons-net, told by lines of TAB-separated words what to do: HOST PORT USER PASSWORD passive|active clear|AUTH|implicit <LINES
import java.io.*;
import java.nio.charset.StandardCharsets;
import org.apache.commons.net.ftp.*;
import org.apache.commons.net.util.TrustManagerUtils;

public class Commons {
    static FTPClient ftp;

    static FTPClient newClient(String tls) {
        if (tls.equals("clear"))
            return new FTPClient();
        FTPSClient client = new FTPSClient(tls.equals("implicit"));
        client.setTrustManager(TrustManagerUtils.getAcceptAllTrustManager());
        return client;
    }

    static boolean protect() throws IOException {
        if (!(ftp instanceof FTPSClient))
            return true;
        ((FTPSClient)ftp).execPBSZ(0);
        ((FTPSClient)ftp).execPROT("P");
        return FTPReply.isPositiveCompletion(ftp.getReplyCode());
    }

    static boolean get(String remote, String local, long at) throws IOException {
        ftp.setRestartOffset(at);
        try (OutputStream out = new FileOutputStream(local, at > 0)) {
            return ftp.retrieveFile(remote, out);
        }
    }

    static boolean put(String remote, String local) throws IOException {
        try (InputStream in = new FileInputStream(local)) {
            return ftp.storeFile(remote, in);
        }
    }

    static boolean list(String folder) throws IOException {
        FTPFile[] files = ftp.listFiles(folder);
        for (FTPFile file : files)
            System.out.println(file.getName());
        return FTPReply.isPositiveCompletion(ftp.getReplyCode());
    }

    static boolean getNames(String what) throws IOException {
        String[] names = ftp.listNames(what);
        if (names == null)
            return false;
        for (String name : names)
            if (!get(name, new File(name).getName(), 0))
                return false;
        return true;
    }

    static boolean mirror(String remote, String local) throws IOException {
        new File(local).mkdir();
        for (FTPFile file : ftp.mlistDir(remote)) {
            String from = remote + "/" + file.getName(), to = local + "/" + file.getName();
            boolean special = file.getName().equals(".") || file.getName().equals("..");
            if (!special && !(file.isDirectory() ? mirror(from, to) : get(from, to, 0)))
                return false;
        }
        return FTPReply.isPositiveCompletion(ftp.getReplyCode());
    }

    static boolean does(String[] word) throws IOException {
        switch (word[0]) {
        case "list": return list(word[1]);
        case "get": return get(word[1], word[2], 0);
        case "resume": return get(word[1], word[2], Long.parseLong(word[3]));
        case "put": return put(word[1], word[2]);
        case "gettext": return ftp.setFileType(FTP.ASCII_FILE_TYPE) && get(word[1], word[2], 0);
        case "puttext": return ftp.setFileType(FTP.ASCII_FILE_TYPE) && put(word[1], word[2]);
        case "mkdir": return ftp.makeDirectory(word[1]);
        case "rename": return ftp.rename(word[1], word[2]);
        case "delete": return ftp.deleteFile(word[1]);
        case "rmdir": return ftp.removeDirectory(word[1]);
        case "mirror": return mirror(word[1], word[2]);
        default: return getNames(word[1]);
        }
    }

    public static void main(String[] arg) throws IOException {
        ftp = newClient(arg[5]);
        ftp.setControlEncoding("UTF-8");
        ftp.setDefaultTimeout(10000);
        ftp.connect(arg[0], Integer.parseInt(arg[1]));
        if (arg[4].equals("passive"))
            ftp.enterLocalPassiveMode();
        boolean good = ftp.login(arg[2], arg[3]) && protect() && ftp.setFileType(FTP.BINARY_FILE_TYPE);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; good && (line = lines.readLine()) != null;)
            good = does(line.split("\t"));
        if (!good)
            System.out.println(ftp.getReplyString());
        ftp.logout();
        System.exit(good ? 0 : 1);
    }
}

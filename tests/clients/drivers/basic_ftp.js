// SPDX-License-Identifier: BSD-2-Clause
// basic-ftp, told by lines of TAB-separated words what to do: HOST PORT USER PASSWORD MODE clear|AUTH|implicit <LINES
const fs = require("fs");
const { Client } = require("basic-ftp");

async function main([host, port, user, password, mode, tls]) {
    const ftp = new Client(10000);
    const does = {
        list: async (name) => console.log((await ftp.list(name)).map((file) => file.name).join("\n")),
        get: (remote, local) => ftp.downloadTo(local, remote),
        resume: (remote, local, at) => ftp.downloadTo(local, remote, Number(at)),
        put: (remote, local) => ftp.uploadFrom(local, remote),
        mkdir: (name) => ftp.sendIgnoringError("MKD " + name),
        rename: (from, to) => ftp.rename(from, to),
        delete: (name) => ftp.remove(name),
        rmdir: (name) => ftp.send("RMD " + name),
        mirror: (remote, local) => ftp.downloadToDir(local, remote),
        upload: (remote, local) => ftp.uploadFromDir(local, remote),
    };
    const secure = { clear: false, AUTH: true, implicit: "implicit" }[tls];
    await ftp.access({ host, port: Number(port), user, password, secure, secureOptions: { rejectUnauthorized: false } });
    for (const line of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
        const [verb, ...names] = line.split("\t");
        await does[verb](...names);
    }
    ftp.close();
}

main(process.argv.slice(2)).catch((error) => {
    console.log(String(error));
    process.exit(1);
});

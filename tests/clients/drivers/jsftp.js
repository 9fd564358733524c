// SPDX-License-Identifier: BSD-2-Clause
// jsftp, told by lines of TAB-separated words what to do: HOST PORT USER PASSWORD <LINES
const fs = require("fs");
const { promisify } = require("util");
const Ftp = require("jsftp");

async function main([host, port, user, pass]) {
    const ftp = new Ftp({ host, port: Number(port), user, pass });
    const call = (method, ...args) => promisify(ftp[method]).call(ftp, ...args);
    // Into memory: its own way into a file waits for ever since Node 10.
    const fetch = (remote, local) => new Promise((resolve, reject) => {
        const parts = [];
        ftp.get(remote, (error, socket) => {
            if (error)
                return reject(error);
            socket.on("data", (part) => parts.push(part));
            socket.on("close", () => resolve(fs.writeFileSync(local, Buffer.concat(parts))));
            socket.resume();
        });
    });
    const does = {
        list: async (name) => console.log((await call("ls", name)).map((file) => file.name).join("\n")),
        get: fetch,
        put: (remote, local) => call("put", fs.readFileSync(local), remote),
        mkdir: (name) => call("raw", "mkd", name),
        rename: (from, to) => call("rename", from, to),
        delete: (name) => call("raw", "dele", name),
        rmdir: (name) => call("raw", "rmd", name),
    };
    for (const line of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
        const [verb, ...names] = line.split("\t");
        await does[verb](...names);
    }
    await call("raw", "quit");
}

main(process.argv.slice(2)).then(() => process.exit(0), (error) => {
    console.log(String(error));
    process.exit(1);
});
